#!/usr/bin/env python3
"""steady.py: reads trials as JSON from stdin and prints their batches, series and what is found in them."""

import json
import sys

import steadiness

json.dump([steadiness.in_full(trial) for trial in json.load(sys.stdin)], sys.stdout)
