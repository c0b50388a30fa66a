"""Whether the generated schedule is the one that was asked for."""

import math

LONGEST = 10_000


def kolmogorov_smirnov(gaps, rate):
    """The largest distance between the gaps' distribution and an exponential one, and what it may be at 1 %."""
    ordered, n = sorted(gaps), len(gaps)
    expected = [-math.expm1(-rate * gap) for gap in ordered]
    distance = max(max(p - i / n, (i + 1) / n - p) for i, p in enumerate(expected))
    return distance, 1.628 / math.sqrt(n)


def check(trial):
    """Checks a Poisson schedule against its rate; others say nothing about chance."""
    load = trial["load"]
    if load["shape"] != "poisson" or len(trial["clients"]) != 1:
        return
    due = sorted(record["times"]["intended"] for record in trial["clients"][0]["records"])
    gaps = [(b - a) / 1e9 for a, b in zip(due, due[1:])][:LONGEST]
    distance, critical = kolmogorov_smirnov(gaps, load["rate"])
    assert distance < critical, f"{len(gaps)} gaps are off an exponential distribution by {distance}, above {critical}"
