#!/usr/bin/env python3
"""shares.py: what breaks objectives, batch by batch, and the bounds of its share, from the definitions.

Reads {"trials": [...], "batches": [[[all, counted], ...], ...], "alphas": [...]} from stdin; prints the violations of each
trial's objectives, and for each list of batches and each alpha the share and its bounds.
"""

import json
import math
import statistics
import sys

import metrics
import objectives
from intervals import student_t


def at_most(c, n, p):
    """The probability that at most c of n are counted, each with probability p."""
    if p <= 0 or p >= 1:
        return 1.0 if p <= 0 or c >= n else 0.0
    chance = lambda k: math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    return math.fsum(math.exp(chance(k)) for k in range(c + 1))


def where(falls_below, target):
    """The p at which a probability that falls with p comes below the target."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if falls_below(middle) < target else (middle, high)
    return (low + high) / 2


def bounds(batches, alpha):
    """The ratio estimator's bounds with Student's t, or Clopper and Pearson's where those are wider."""
    n, c, k = sum(all for all, _ in batches), sum(counted for _, counted in batches), len(batches)
    p = c / n
    residuals = [counted - p * all for all, counted in batches]
    se = math.sqrt(k / (k - 1) * math.fsum(r * r for r in residuals)) / n
    half = student_t(1 - 2 * alpha, k - 1) * se
    exact_lower = 0.0 if c == 0 else where(lambda x: at_most(c - 1, n, x), 1 - alpha)
    exact_upper = 1.0 if c == n else where(lambda x: at_most(c, n, x), alpha)
    return [p, min(max(p - half, 0.0), exact_lower), max(min(p + half, 1.0), exact_upper)]


def joined(trial):
    """Into how many batches the window is cut, and whether each is as long as two requests."""
    name = "e2e" if trial["start"] == "sent" else "e2e_sched"
    durations = [value for _, value in metrics.of_trial(trial)[name]]
    shortest = min(client["t2"] - client["t1"] for client in trial["clients"])
    mean = statistics.fmean(durations) if durations else math.inf
    fitting = [n for n in (20, 10, 5, 4) if shortest >= 2 * n * mean]
    return (fitting[0], True) if fitting else (4, False)


def began(record, start):
    times = record["times"]
    if start == "intended":
        return times["intended"]
    known = [times[name] for name in ("sent", "dispatch", "intended") if times[name] is not None]
    return known[0]


def counted(trial, batches, breaks):
    """Of the cohort's requests that say something, by batch: how many, and how many of them break an objective."""
    counts = [[0, 0] for _ in range(batches)]
    for client in trial["clients"]:
        for record in client["records"]:
            broken = breaks(record) if record["cohort"] and record["status"] != "cancelled" else None
            if broken is not None:
                batch = counts[metrics.batch_of(client, began(record, trial["start"]), batches)]
                batch[0] += 1
                batch[1] += broken
    return counts


def of_requests(trial, batches, name, limit):
    def breaks(record):
        if objectives.failed(record):
            return True
        value = metrics.of_request(record)[name]
        return None if value is None else objectives.round_half_up(value) > limit

    return counted(trial, batches, breaks)


def of_gaps(trial, batches, limit):
    counts = [[0, 0] for _ in range(batches)]
    for client in trial["clients"]:
        for record in client["records"]:
            chunks = metrics.arrivals(record) if record["stream"] else []
            for (before, _), (t, _) in zip(chunks, chunks[1:]):
                if client["t1"] <= t < client["t2"]:
                    batch = counts[metrics.batch_of(client, t, batches)]
                    batch[0] += 1
                    batch[1] += t - before > limit
    return counts


def violations(trial):
    """Each objective's tolerated share, whether batches are long enough, and what broke it by batch."""
    batches, independent = joined(trial)
    cohort = [record for client in trial["clients"] for record in client["records"] if record["cohort"]]
    results = {}
    for objective, limit in trial["slo"].items():
        metric, _, percentile = objective.rpartition("_")
        q = metrics.PERCENTILES[percentile]
        by = {}
        if metric == "itl":
            gaps, uncertain = of_gaps(trial, batches, limit), objectives.unresolved(trial)
            known = not uncertain or 2 * uncertain < sum(all for all, _ in gaps) * (1 - q) - 1e-9
            by[objective] = gaps if known else []
            by[f"{objective} failures"] = counted(trial, batches, objectives.failed)
        elif metric == "tpot":
            mixed = objectives.mixed_sources(cohort)
            by[objective] = [] if mixed else of_requests(trial, batches, "tpot", limit)
        else:
            name = metric if trial["start"] == "sent" else f"{metric}_sched"
            by[objective] = of_requests(trial, batches, name, limit)
        for name, counts in by.items():
            results[name] = {"tolerated": 1 - q, "independent": independent, "batches": counts}
    return results


def main():
    wanted = json.load(sys.stdin)
    told = {
        "violations": [violations(trial) for trial in wanted["trials"]],
        "bounds": [[bounds(batches, alpha) for alpha in wanted["alphas"]] for batches in wanted["batches"]],
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
