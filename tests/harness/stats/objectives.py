"""Service-level objectives and goodput, from the definitions."""

import math

from metrics import PERCENTILES, SECOND, arrivals, of_request, of_trial, rank, tokens, tpot

RESOLUTION = 1_000_000


def failed(record):
    return record["status"] in ("error", "timeout")


def slo(trial):
    """Each percentile with the failures of the cohort as infinitely slow values."""
    cohort = [record for client in trial["clients"] for record in client["records"] if record["cohort"]]
    failures, ok = sum(map(failed, cohort)), sum(record["status"] == "ok" for record in cohort)
    samples, results = of_trial(trial), {}
    for name, limit in trial["slo"].items():
        metric, _, percentile = name.rpartition("_")
        q = PERCENTILES[percentile]
        scheduled = metric in ("ttft", "e2e") and trial["start"] == "intended"
        values = sorted(value for _, value in samples[f"{metric}_sched" if scheduled else metric])
        if metric == "itl":
            # Chunks of failed requests are not known by number: failures count by their share of the requests.
            censored = failures > (failures + ok) * (1 - q) + 1e-9
            value = None if censored or not values else values[rank(len(values), q) - 1]
            if unresolved(trial) * 2 >= len(values) * (1 - q) - 1e-9 and unresolved(trial):
                value = None
        elif metric == "tpot" and mixed_sources(cohort):
            value = None
        else:
            with_failures = values + [math.inf] * failures
            value = with_failures[rank(len(with_failures), q) - 1] if with_failures else None
            value = None if value == math.inf else value
        results[name] = {
            "limit": limit / SECOND,
            "value": None if value is None else value / SECOND,
            "met": value is not None and value <= limit,
        }
    return {"met": all(result["met"] for result in results.values()), "limits": results}


def mixed_sources(cohort):
    counted = [record for record in cohort if record["status"] == "ok" and tokens(record) is not None]
    return len({record["tokens"]["source"] for record in counted}) > 1


def unresolved(trial):
    """Gaps of which an end is not known to a millisecond."""
    count = 0
    for client in trial["clients"]:
        for record in client["records"]:
            chunks = arrivals(record) if record["stream"] else []
            for (_, before), (t, uncertainty) in zip(chunks, chunks[1:]):
                count += client["t1"] <= t < client["t2"] and max(before, uncertainty) > RESOLUTION
    return count


def goodput(trial):
    limits, begin = trial["goodput"], trial["start"]
    cohort = [record for client in trial["clients"] for record in client["records"] if record["cohort"]]
    if limits.get("tpot") is not None and mixed_sources(cohort):
        return None
    good = bad = left_out = 0
    for client in trial["clients"]:
        for record in client["records"]:
            if not record["cohort"]:
                continue
            if record["status"] == "ok":
                met = meets(record, limits, begin)
                good, bad = good + met, bad + (not met)
            elif record["status"] == "cancelled" and not already_missed(record, limits, begin):
                left_out += 1
            else:
                bad += 1
    seconds = max(client["t2"] - client["t1"] for client in trial["clients"]) / SECOND
    share = good / (good + bad) if good + bad else None
    return {"share": share, "rate": good / seconds, "good": good, "left_out": left_out}


def meets(record, limits, begin):
    of = of_request(record)
    suffix = "_sched" if begin == "intended" else ""
    for name, value in (("ttft", of[f"ttft{suffix}"]), ("e2e", of[f"e2e{suffix}"])):
        if limits.get(name) is not None and (value is None or value > limits[name]):
            return False
    if limits.get("tpot") is None or (tokens(record) is not None and tokens(record) <= 1):
        return True
    further = tpot(record)
    return further is not None and round_half_up(further) <= limits["tpot"]


def already_missed(record, limits, begin):
    times = record["times"]
    if times[begin] is None or times["end"] is None:
        return False
    waited = times["end"] - times[begin]
    first = waited if times["first"] is None else times["first"] - times[begin]
    return (limits.get("ttft") is not None and first > limits["ttft"]) or (
        limits.get("e2e") is not None and waited > limits["e2e"]
    )


def round_half_up(value):
    return math.floor(value + 0.5)
