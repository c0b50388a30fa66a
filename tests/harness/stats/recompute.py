#!/usr/bin/env python3
"""recompute.py: reads trials as JSON from stdin and prints their summaries, recomputed from their records.

An interval of which bins decide whether there is one is left out.
"""

import json
import sys

import intervals
import summary


def decided(value):
    if isinstance(value, dict):
        return {key: decided(one) for key, one in value.items() if not isinstance(one, intervals.Undecided)}
    return value


json.dump([decided(summary.of_trial(trial)) for trial in json.load(sys.stdin)], sys.stdout)
