"""Recomputes a trial's summary from its records: reads {t1, t2, records} and prints the summary, both as JSON.

Written from the definitions of the metrics, without a look at the program that it checks; only the standard library.
"""

import json
import math
import statistics
import sys

TOKENS = 2 | 4 | 8 | 16
REASONING = 4
SECOND = 1e9


def percentile(ordered, q):
    return ordered[max(math.ceil(len(ordered) * q - 1e-9), 1) - 1]


def describe(values):
    names = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
    if not values:
        return dict.fromkeys(["mean", "stddev", "min", "max", *names]) | {"count": 0}
    ordered = sorted(value / SECOND for value in values)
    return {
        "mean": statistics.fmean(ordered),
        "stddev": statistics.stdev(ordered) if len(ordered) > 1 else None,
        "min": ordered[0],
        "max": ordered[-1],
        "count": len(ordered),
    } | {name: percentile(ordered, q) for name, q in names.items()}


def token_events(record):
    events = record["events"]
    return [
        (t, uncertainty)
        for t, uncertainty, kind in zip(events["t"], events["uncertainty"], events["kind"])
        if kind & TOKENS
    ]


def tokens(record):
    counted = record["tokens"]
    if counted["source"] == "chunks":
        return counted["chunks"]
    if counted["output_usage"] is None:
        return None
    streamed_reasoning = any(kind & REASONING for kind in record["events"]["kind"])
    hidden = 0 if streamed_reasoning or not record["stream"] else counted["reasoning_usage"] or 0
    return counted["output_usage"] - hidden


def main():
    trial = json.load(sys.stdin)
    t1, t2, records = trial["t1"], trial["t2"], trial["records"]
    seconds = (t2 - t1) / SECOND
    cohort = [record for record in records if record["cohort"]]
    good = [record for record in cohort if record["status"] == "ok"]
    streams = [record for record in good if record["stream"]]

    def finish(record):
        return record["times"]["last" if record["stream"] else "end"]

    tpot = []
    for record in streams:
        n, times = tokens(record), record["times"]
        if n >= 2 and len(token_events(record)) >= 2:
            tpot.append((times["last"] - times["first"]) / (n - 1))

    itl, lag, in_window = [], [], 0.0
    for record in records:
        events, arrivals = record["events"], token_events(record)
        lag += [
            read_lag + uncertainty
            for t, read_lag, uncertainty in zip(events["t"], events["read_lag"], events["uncertainty"])
            if t1 <= t < t2
        ]
        n = tokens(record)
        if not record["stream"]:
            in_window += n if t1 <= record["times"]["end"] < t2 else 0
            continue
        itl += [t - before for (before, _), (t, _) in zip(arrivals, arrivals[1:]) if t1 <= t < t2]
        in_window += sum(n / len(arrivals) for t, _ in arrivals if t1 <= t < t2)

    in_flight = sum(
        max(0, min(record["times"]["end"], t2) - max(record["times"]["sent"], t1))
        for record in records
        if record["times"]["sent"] is not None
    )
    errors = {}
    for record in cohort:
        if record["error_kind"]:
            errors[record["error_kind"]] = errors.get(record["error_kind"], 0) + 1
    count = {status: sum(r["status"] == status for r in cohort) for status in ("ok", "error", "timeout", "cancelled")}
    done = [r for r in records if r["status"] == "ok" and t1 <= r["times"]["end"] < t2]
    json.dump(
        {
            "verdict": {"status": "valid", "reasons": []},
            "requests": {"issued": len(cohort)} | count,
            "errors": errors,
            "duration_seconds": seconds,
            "request_throughput": len(done) / seconds,
            "output_token_throughput": in_window / seconds,
            "input_tokens": sum(r["tokens"]["input_usage"] or r["tokens"]["input_planned"] for r in good),
            "output_tokens": sum(map(tokens, good)),
            "concurrency": {"requested": None, "delivered_mean": in_flight / (t2 - t1)},
            "metrics": {
                "ttft": describe([r["times"]["first"] - r["times"]["sent"] for r in streams]),
                "itl": describe(itl),
                "tpot": describe(tpot),
                "e2e": describe([finish(r) - r["times"]["sent"] for r in good]),
                "queue": describe([r["times"]["sent"] - r["times"]["intended"] for r in cohort]),
                "ttft_sched": describe([r["times"]["first"] - r["times"]["intended"] for r in streams]),
                "e2e_sched": describe([finish(r) - r["times"]["intended"] for r in good]),
                "client_lag": describe(lag),
                "loop_gap": describe([]),
            },
            "slo": None,
            "goodput": None,
            "notes": [],
        },
        sys.stdout,
    )


main()
