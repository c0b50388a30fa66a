"""The metrics of a trial's requests, from the definitions.

A trial is {"start": "sent" or "intended", "clients": [{"t1", "t2", "records"}], ...}. A sample is a pair: the
batch of its client's window that it belongs to, and the value in nanoseconds.
"""

import math
import statistics

TOKENS = 2 | 4 | 8 | 16
REASONING = 4
SECOND = 1e9
BATCHES = 20
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def rank(n, q):
    return max(math.ceil(n * q - 1e-9), 1)


def percentile(ordered, q):
    return ordered[rank(len(ordered), q) - 1]


def batch_of(client, t, batches=BATCHES):
    """Which of so many equal parts of the window an instant lies in; the nearest one if it lies outside."""
    return min(max((t - client["t1"]) * batches // (client["t2"] - client["t1"]), 0), batches - 1)


def describe(samples):
    if not samples:
        return dict.fromkeys(["mean", "stddev", "min", "max", *PERCENTILES]) | {"count": 0}
    ordered = sorted(value / SECOND for _, value in samples)
    return {
        "mean": statistics.fmean(ordered),
        "stddev": statistics.stdev(ordered) if len(ordered) > 1 else None,
        "min": ordered[0],
        "max": ordered[-1],
        "count": len(ordered),
    } | {name: percentile(ordered, q) for name, q in PERCENTILES.items()}


def arrivals(record):
    """The token-carrying chunks: when each arrived, and how uncertain that is."""
    events = record["events"]
    return [
        (t, uncertainty)
        for t, uncertainty, kind in zip(events["t"], events["uncertainty"], events["kind"])
        if kind & TOKENS
    ]


def tokens(record):
    """N: what the service counted without reasoning that it never streamed, or else the number of chunks."""
    counted = record["tokens"]
    if counted["source"] == "chunks":
        return counted["chunks"]
    if counted["output_usage"] is None:
        return None
    streamed_reasoning = any(kind & REASONING for kind in record["events"]["kind"])
    hidden = 0 if streamed_reasoning or not record["stream"] else counted["reasoning_usage"] or 0
    return counted["output_usage"] - hidden


def finish(record):
    return record["times"]["last" if record["stream"] else "end"]


def tpot(record):
    """Time per further token in nanoseconds, if the request has two tokens in two chunks."""
    n, times = tokens(record), record["times"]
    if not record["stream"] or n is None or n < 2 or len(arrivals(record)) < 2:
        return None
    return (times["last"] - times["first"]) / (n - 1)


def of_request(record):
    """A successful request's times."""
    times, streams, end = record["times"], record["stream"], finish(record)
    return {
        "ttft": times["first"] - times["sent"] if streams else None,
        "ttft_sched": times["first"] - times["intended"] if streams else None,
        "tpot": tpot(record),
        "e2e": end - times["sent"],
        "e2e_sched": end - times["intended"],
    }


def of_client(client, start):
    """The samples of one client by metric."""
    t1, t2 = client["t1"], client["t2"]
    samples = {name: [] for name in ("ttft", "itl", "tpot", "e2e", "queue", "ttft_sched", "e2e_sched", "client_lag")}
    for record in client["records"]:
        events, chunks = record["events"], arrivals(record)
        for t, lag, uncertainty in zip(events["t"], events["read_lag"], events["uncertainty"]):
            # Without a lag, the time of the read stands for an arrival that nobody knows.
            if t1 <= t < t2 and lag > 0:
                samples["client_lag"].append((batch_of(client, t), lag + uncertainty))
        if record["stream"]:
            gaps = zip(chunks, chunks[1:])
            samples["itl"] += [(batch_of(client, t), t - before) for (before, _), (t, _) in gaps if t1 <= t < t2]
        times = record["times"]
        if not record["cohort"] or times["sent"] is None:
            continue
        when = batch_of(client, times[start])
        samples["queue"].append((when, times["sent"] - times["intended"]))
        if record["status"] == "ok":
            for name, value in of_request(record).items():
                if value is not None:
                    samples[name].append((when, value))
    return samples


def of_trial(trial):
    """The samples of all clients by metric."""
    clients = [of_client(client, trial["start"]) for client in trial["clients"]]
    return {name: [sample for client in clients for sample in client[name]] for name in clients[0]}


def completions(client, batches=BATCHES):
    """In which batches requests succeeded."""
    t1, t2 = client["t1"], client["t2"]
    ends = [record["times"]["end"] for record in client["records"] if record["status"] == "ok"]
    return [(batch_of(client, end, batches), 1) for end in ends if t1 <= end < t2]


def token_arrivals(client, batches=BATCHES):
    """In which batches how many output tokens arrived."""
    t1, t2 = client["t1"], client["t2"]
    arrived = []
    for record in client["records"]:
        n, chunks = tokens(record), arrivals(record)
        if not record["stream"]:
            chunks = [(record["times"]["end"], 0)]
        if n is not None and chunks:
            arrived += [(batch_of(client, t, batches), n / len(chunks)) for t, _ in chunks if t1 <= t < t2]
    return arrived


def in_flight_mean(client):
    t1, t2 = client["t1"], client["t2"]
    spans = [(r["times"]["sent"], r["times"]["end"]) for r in client["records"] if r["times"]["sent"] is not None]
    return sum(max(0, min(end, t2) - max(sent, t1)) for sent, end in spans) / (t2 - t1)


def per_second(client, events):
    return sum(weight for _, weight in events(client)) * SECOND / (client["t2"] - client["t1"])
