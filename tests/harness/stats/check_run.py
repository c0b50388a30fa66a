#!/usr/bin/env python3
"""check_run.py RUN: recomputes report/summary.json of a run from its Parquet files, with nothing of hpcbench in it.

Prints how many numbers agree. Exits with 1 and a message at the first that does not.
"""

import json
import pathlib
import sys

import intervals
import records
import schedule
import summary

PERCENTILES = ("p50", "p90", "p95", "p99", "p999", "value")


def tolerance(path):
    """Relative: what histograms leave open, and the width of two bins for bounds that come from batches."""
    if any("interval" in part for part in path):
        return 2e-3
    if path[-1] in PERCENTILES:
        return 1e-4
    return 1e-6


def compare(told, ours, path=()):
    """Holds everything that was recomputed against the summary; returns how many numbers that were."""
    where = "/".join(path)
    if isinstance(ours, dict):
        assert isinstance(told, dict), f"{where}: {told} in the summary, {ours} from the records"
        return sum(compare(told[key], value, (*path, key)) for key, value in ours.items())
    if isinstance(ours, set):
        assert told in ours, f"{where}: {told} in the summary, one of {ours} from the records"
        return 1
    if isinstance(ours, intervals.Undecided) and told is None:
        return 1
    if isinstance(ours, list):
        assert isinstance(told, list), f"{where}: {told} in the summary, {ours} from the records"
        return sum(compare(t, o, (*path, str(i))) for i, (t, o) in enumerate(zip(told, ours)))
    if ours is None or isinstance(ours, bool) or told is None:
        assert told == ours, f"{where}: {told} in the summary, {ours} from the records"
        return 1
    low, high = getattr(ours, "low", ours), getattr(ours, "high", ours)
    # Times per token are rounded to a nanosecond.
    slack = tolerance(path) * abs(ours) + 1e-9
    assert low - slack <= told <= high + slack, f"{where}: {told} in the summary, {ours} from the records"
    return 1


def main():
    run = pathlib.Path(sys.argv[1])
    numbers = 0
    for told in json.loads((run / "report/summary.json").read_text())["trials"]:
        trial = records.trial(run, told)
        schedule.check(trial)
        numbers += compare(told, summary.of_trial(trial), (told["id"],))
    assert numbers, "no trials"
    print(numbers)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, KeyError, ValueError, OSError) as problem:
        sys.exit(f"check_run.py: {problem!r}")
