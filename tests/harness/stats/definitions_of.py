#!/usr/bin/env python3
"""definitions_of.py: reads [[definitions, trial], ...] as JSON from stdin and prints what they come to."""

import json
import sys

import definitions

json.dump([definitions.of_trial(trial, name) for name, trial in json.load(sys.stdin)], sys.stdout)
