#!/usr/bin/env python3
"""check_definitions.py RUN REPORT: recomputes a run's `report --definitions NAME --format json` from its Parquet files.

Prints how many numbers agree. Exits with 1 and a message at the first that does not.
"""

import json
import pathlib
import sys

import definitions
import records
from check_run import compare


def main():
    run = pathlib.Path(sys.argv[1])
    report = json.loads(pathlib.Path(sys.argv[2]).read_text())
    summaries = {trial["id"]: trial for trial in json.loads((run / "report/summary.json").read_text())["trials"]}
    numbers = 0
    for told in report["trials"]:
        trial = records.trial(run, summaries[told["id"]])
        numbers += compare(told, definitions.of_trial(trial, report["definitions"]), (told["id"],))
    assert numbers, "no trials"
    print(numbers)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, KeyError, ValueError, OSError) as problem:
        sys.exit(f"check_definitions.py: {problem!r}")
