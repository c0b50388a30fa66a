#!/usr/bin/env python3
"""recompute.py: reads trials as JSON from stdin and prints their summaries, recomputed from their records."""

import json
import sys

import summary

json.dump([summary.of_trial(trial) for trial in json.load(sys.stdin)], sys.stdout)
