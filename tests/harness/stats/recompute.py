#!/usr/bin/env python3
"""recompute.py: reads trials as JSON from stdin and prints their summaries, recomputed from their records.

An interval of which bins decide whether there is one is left out, and so is a word that more than one of may be right.
"""

import json
import sys

import intervals
import summary


def decided(value):
    if isinstance(value, dict):
        return {key: decided(one) for key, one in value.items() if not is_open(one)}
    return next(iter(value)) if isinstance(value, set) else value


def is_open(value):
    return isinstance(value, intervals.Undecided) or (isinstance(value, set) and len(value) > 1)


json.dump([decided(summary.of_trial(trial)) for trial in json.load(sys.stdin)], sys.stdout)
