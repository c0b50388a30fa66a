"""A run's files as the trials that the other modules compute with. Needs pyarrow; nothing of hpcbench."""

import json
import re

import pyarrow.parquet

TIMES = ("intended", "dispatch", "sent", "first", "last", "end")
EVENTS = ("t", "read_lag", "uncertainty", "kind", "tokens")
UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
COLUMNS = [
    *(f"t_{name}" for name in TIMES),
    *(f"ev_{name}" for name in EVENTS),
    *("cohort", "stream", "status", "error_kind", "input_planned", "input_usage", "output_usage"),
    *("reasoning_usage", "token_chunks", "tokens_source"),
]


def nanoseconds(duration):
    """A duration of a plan, such as 1m30s."""
    if duration is None:
        return None
    return round(sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([0-9.]+)(us|ms|s|m|h)", duration)))


def record(row):
    return {
        "times": {name: row[f"t_{name}"] for name in TIMES},
        "events": {name: row[f"ev_{name}"] for name in EVENTS},
        "tokens": {
            "source": row["tokens_source"],
            "chunks": row["token_chunks"],
            "input_planned": row["input_planned"],
            "input_usage": row["input_usage"],
            "output_usage": row["output_usage"],
            "reasoning_usage": row["reasoning_usage"],
        },
    } | {name: row[name] for name in ("cohort", "stream", "status", "error_kind")}


def client(path):
    table = pyarrow.parquet.read_table(path, columns=COLUMNS)
    about = table.schema.metadata
    window = {name: int(about[f"hpcbench.{name}_ns".encode()]) for name in ("t1", "t2")}
    return window | {"records": [record(row) for row in table.to_pylist()]}


def trial(run, told):
    """The records of one trial of summary.json, with what the plan wanted of it."""
    plan = json.loads((run / "plan.json").read_text())
    workload = next(planned for planned in plan["trials"] if planned["id"] == told["id"])["workload"]
    files = sorted((run / "records" / told["id"] / str(told["attempt"])).glob("*.parquet"))
    limits = told["slo"]["limits"] if told["slo"] else {}
    return {
        "start": "sent" if workload["load"]["shape"] == "closed" else "intended",
        "load": workload["load"],
        "slo": {name: round(limit["limit"] * 1e9) for name, limit in limits.items()},
        "goodput": {name: nanoseconds(limit) for name, limit in workload["goodput"].items()},
        "clients": [client(path) for path in files],
    }
