"""A trial's metrics by the definitions of other tools, written from their sources; nothing of hpcbench.

Plain Python over lists of floats: values are sorted and summed, where hpcbench keeps histograms.
"""

import math

CHOICES, CONTENT, REASONING, TOOL, REFUSAL = 1, 2, 4, 8, 16
MS, S = 1e6, 1e9


def numpy_percentile(ordered, q):
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def loadgen_percentile(ordered, q):
    return ordered[int(len(ordered) * q)]


def summary(values, percentile, deviation=True):
    if not values:
        return {"count": 0, "mean": None}
    ordered = sorted(values)
    mean = math.fsum(ordered) / len(ordered)
    told = {"count": len(ordered), "mean": mean, "min": ordered[0], "max": ordered[-1]}
    told["std"] = math.sqrt(math.fsum((x - mean) ** 2 for x in ordered) / len(ordered)) if deviation else None
    return told | {f"p{round(q * 100)}": percentile(ordered, q) for q in (0.5, 0.9, 0.95, 0.99)}


def weighted(pairs, count=None):
    """GuideLLM's: the smallest value that a share of at least q of the weight does not exceed."""
    pairs = sorted((value, weight) for value, weight in pairs if weight > 0)
    total = sum(weight for _, weight in pairs)
    if not total:
        return {"count": 0, "mean": None}
    mean = math.fsum(v * w for v, w in pairs) / total
    told = {"count": total if count is None else count, "mean": mean, "min": pairs[0][0], "max": pairs[-1][0]}
    told["std"] = math.sqrt(math.fsum((v - mean) ** 2 * w for v, w in pairs) / total)
    for percent in (50, 90, 95, 99):
        below = 0
        for value, weight in pairs:
            below += weight
            if below * 100 >= total * percent:
                break
        told[f"p{percent}"] = value
    return told


def reads(record, bits):
    events = record["events"]
    every = zip(events["t"], events["read_lag"], events["kind"], events["tokens"])
    return [(t + lag, kind, tokens) for t, lag, kind, tokens in every if kind & bits]


def end_of(record):
    events = record["events"]
    return max([record["times"]["end"], *(t + lag for t, lag in list(zip(events["t"], events["read_lag"]))[-1:])])


def cohort(trial):
    requests = [record for client in trial["clients"] for record in client["records"] if record["cohort"]]
    ok = [record for record in requests if record["status"] == "ok"]
    failed = [record for record in requests if record["status"] in ("error", "timeout")]
    return requests, ok, failed


def outputs(record):
    return record["tokens"]["output_usage"]


def inputs(record):
    tokens = record["tokens"]
    return tokens["input_planned"] if tokens["input_usage"] is None else tokens["input_usage"]


def total(counts):
    counts = list(counts)
    return None if not counts or None in counts else sum(counts)


def ratio(count, seconds):
    return None if count is None or not seconds else count / seconds


def plus(a, b):
    return None if a is None or b is None else a + b


def seconds(requests):
    spans = [(r["times"]["dispatch"], end_of(r)) for r in requests if r["times"]["dispatch"] is not None]
    return (max(e for _, e in spans) - min(s for s, _ in spans)) / S if spans else None


TOKENS = CONTENT | REASONING | TOOL | REFUSAL


def vllm(trial):
    _, ok, failed = cohort(trial)
    ttft, tpot, itl, e2el, judged = [], [], [], [], []
    for record in ok:
        chunks = [t for t, _, _ in reads(record, CHOICES)]
        if not chunks:
            judged.append(None)
            continue
        start, n = record["times"]["dispatch"], outputs(record)
        ttft.append((chunks[0] - start) / MS)
        e2el.append((chunks[-1] - start) / MS)
        itl += [(b - a) / MS for a, b in zip(chunks, chunks[1:])]
        per_token = 0.0
        if n is not None and n > 1:
            per_token = (e2el[-1] - ttft[-1]) / (n - 1)
            tpot.append(per_token)
        pairs = {"ttft": ttft[-1], "tpot": per_token if n is not None else None, "e2e": e2el[-1]}
        limits = {name: limit / MS for name, limit in trial["goodput"].items() if limit is not None}
        known = all(pairs[name] is not None for name in limits)
        judged.append(all(pairs[name] <= limit for name, limit in limits.items()) if known else None)
    took = seconds(ok + failed)
    into, out = total(map(inputs, ok)), total(map(outputs, ok))
    values = {
        "duration": took,
        "total_input_tokens": into,
        "total_output_tokens": out,
        "request_throughput": ratio(len(ok) or None, took),
        "output_throughput": ratio(out, took),
        "total_token_throughput": ratio(plus(into, out), took),
    }
    if any(limit is not None for limit in trial["goodput"].values()):
        values["request_goodput"] = ratio(sum(judged) if judged and None not in judged else None, took)
    of = {"ttft": ttft, "tpot": tpot, "itl": itl, "e2el": e2el}
    return values, {name: summary(each, numpy_percentile) for name, each in of.items()}


def aiperf(trial):
    _, ok, _ = cohort(trial)
    names = "ttft ttst ttfo latency itl icl per_user osl isl".split()
    of = {name: [] for name in names}
    for record in ok:
        start, n = record["times"]["dispatch"], outputs(record)
        of["osl"] += [n] if n is not None else []
        of["isl"] += [inputs(record)] if inputs(record) is not None else []
        if not record["stream"]:
            of["latency"].append((end_of(record) - start) / MS)
            continue
        chunks = reads(record, TOKENS)
        if not chunks:
            continue
        ttft = (chunks[0][0] - start) / MS
        latency = (chunks[-1][0] - start) / MS
        gaps = [(b[0] - a[0]) / MS for a, b in zip(chunks, chunks[1:])]
        of["ttft"].append(ttft)
        of["latency"].append(latency)
        of["icl"] += gaps
        of["ttst"] += gaps[:1]
        of["ttfo"] += [(t - start) / MS for t, kind, _ in chunks if kind & ~REASONING & TOKENS][:1]
        if n is not None and n >= 2:
            first = chunks[0][2]
            if first is None or first <= 0 or n - first < 1:
                first = 1
            itl = (latency - ttft) / (n - first)
            of["itl"].append(itl)
            of["per_user"] += [1000 / itl] if itl > 0 else []
    took = seconds(ok)
    into, out = total(map(inputs, ok)), total(map(outputs, ok))
    values = {
        "benchmark_duration": took,
        "request_throughput": ratio(len(ok) or None, took),
        "output_token_throughput": ratio(out, took),
        "total_token_throughput": ratio(plus(into, out), took),
    }
    tags = {
        "time_to_first_token": "ttft",
        "time_to_second_token": "ttst",
        "time_to_first_output_token": "ttfo",
        "request_latency": "latency",
        "inter_token_latency": "itl",
        "inter_chunk_latency": "icl",
        "output_token_throughput_per_user": "per_user",
        "output_sequence_length": "osl",
        "input_sequence_length": "isl",
    }
    return values, {tag: summary(of[name], numpy_percentile) for tag, name in tags.items()}


def levels(spans, first, last):
    """(requests in flight, for how many nanoseconds)."""
    instants = sorted({first, last, *(t for span in spans for t in span)})
    return [(sum(s <= a < e for s, e in spans), b - a) for a, b in zip(instants, instants[1:])]


def guidellm(trial):
    _, ok, failed = cohort(trial)
    latency, ttft, itl, tpot, out, into, ticks, spans = [], [], [], [], [], [], [], []
    for record in ok:
        start, end = record["times"]["dispatch"], end_of(record)
        chunks = [t for t, _, _ in reads(record, TOKENS)]
        n = outputs(record)
        if n is None:
            n = len(chunks) or None
        spans.append((start, end))
        latency.append((end - start) / S)
        ticks += [chunks[0], chunks[-1]] if chunks else [end]
        out.append(n)
        into.append(inputs(record))
        if chunks:
            ttft.append((chunks[0] - start) / MS)
        if n:
            tpot.append((((chunks[-1] if chunks else end) - start) / MS / n, n))
        if n and n > 1 and chunks:
            itl.append(((chunks[-1] - chunks[0]) / MS / (n - 1), n - 1))
    took = seconds(ok + failed)
    tokens_took = (max(ticks) - min(ticks)) / S if ticks else None
    values = {
        "duration": took,
        "requests_per_second": ratio(len(ok) or None, took),
        "output_tokens_per_second": ratio(total(out), tokens_took),
        "tokens_per_second": ratio(plus(total(into), total(out)), tokens_took),
    }
    every = [(r["times"]["dispatch"], end_of(r)) for r in ok + failed if r["times"]["dispatch"] is not None]
    in_flight = levels(spans, min(s for s, _ in every), max(e for _, e in every)) if spans else []
    return values, {
        "request_latency": weighted([(x, 1) for x in latency]),
        "time_to_first_token_ms": weighted([(x, 1) for x in ttft]),
        "inter_token_latency_ms": weighted(itl),
        "time_per_output_token_ms": weighted(tpot),
        "request_concurrency": weighted(in_flight, count=len(spans)),
        "output_token_count": weighted([(x, 1) for x in out if x is not None]),
        "prompt_token_count": weighted([(x, 1) for x in into if x is not None]),
    }


def early_stopping(values):
    """LoadGen's server scenario, c = 0.99 and d = 0: the lowest target that as few exceed as 1 % of a service that is just
    too slow do with a probability below 1 %."""
    n, by_chance, over = len(values), 0, -1
    while over < n:
        k = over + 1
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        by_chance += math.exp(ways + k * math.log(0.01) + (n - k) * math.log(0.99))
        if by_chance >= 0.01:
            break
        over = k
    return sorted(values)[n - 1 - over] if over >= 0 else None


def mlperf(trial):
    _, ok, _ = cohort(trial)
    latency, first_token, tpot = [], [], []
    for record in ok:
        start, end, n = record["times"]["intended"], end_of(record), outputs(record)
        latency.append((end - start) / MS)
        chunks = [t for t, _, _ in reads(record, TOKENS)]
        if chunks:
            first_token.append((chunks[0] - start) / MS)
            if n is not None and n > 1:
                tpot.append((latency[-1] - first_token[-1]) / (n - 1))
    values = dict.fromkeys(
        ("scheduled_samples_per_second", "completed_samples_per_second", "completed_tokens_per_second")
    )
    if ok:
        queries = sorted((r["times"]["intended"], end_of(r)) for r in ok)
        start, (scheduled, done) = queries[0][0], queries[-1]
        values = {
            "scheduled_samples_per_second": ratio(len(ok) - 1, (scheduled - start) / S),
            "completed_samples_per_second": ratio(len(ok) - 1, (done - start) / S),
            "completed_tokens_per_second": ratio(total(map(outputs, ok)), (done - start) / S),
        }
    of = {"sample_latency": latency, "first_token_latency": first_token, "time_per_output_token": tpot}
    values |= {f"early_stopping_{name}_p99": early_stopping(each) for name, each in of.items()}
    return values, {name: summary(each, loadgen_percentile, deviation=False) for name, each in of.items()}


def of_trial(trial, definitions):
    """The part of `hpcbench report --definitions` that is about numbers."""
    requests, ok, failed = cohort(trial)
    tool = {"vllm": vllm, "aiperf": aiperf, "guidellm": guidellm, "mlperf": mlperf}[definitions]
    values, distributions = tool(trial)
    return {
        "requests": {"completed": len(ok), "failed": len(failed), "cancelled": len(requests) - len(ok) - len(failed)},
        "values": {name: {"value": value} for name, value in values.items()},
        "distributions": distributions,
    }
