"""A trial's part of summary.json, from its records. Nothing of hpcbench is in it, only the definitions."""

import collections

import intervals
import metrics
import objectives
import steadiness


def keep_back(trial, cohort, described):
    """Takes out what cannot be known: quantiles of gaps too many of which are uncertain, tpot of tokens counted in two ways."""
    itl, uncertain = described["itl"], objectives.unresolved(trial)
    for name, q in metrics.PERCENTILES.items():
        if uncertain and 2 * uncertain >= itl["count"] * (1 - q) - 1e-9:
            itl[name] = None
            if itl["interval"]:
                itl["interval"][name] = None
    if objectives.mixed_sources(cohort):
        described["tpot"] = metrics.describe([]) | {"interval": None}


def of_trial(trial):
    clients = trial["clients"]
    cohort = [record for client in clients for record in client["records"] if record["cohort"]]
    good = [record for record in cohort if record["status"] == "ok"]
    samples = metrics.of_trial(trial)
    e2e = [value for _, value in samples["e2e"]]
    shortest = min(client["t2"] - client["t1"] for client in clients)
    long_enough = bool(e2e) and shortest >= 2 * metrics.BATCHES * sum(e2e) / len(e2e)
    described = {name: metrics.describe(values) for name, values in samples.items()}
    for name in set(samples) - {"client_lag"}:
        described[name]["interval"] = intervals.of_percentiles(samples[name], long_enough)
    keep_back(trial, cohort, described)
    if not any(record["stream"] for client in clients for record in client["records"]):
        # Without streams there are no events; the engine itself says how late it read.
        del described["client_lag"]
    throughputs = {
        name: sum(metrics.per_second(client, events) for client in clients)
        for name, events in (
            ("request_throughput", metrics.completions),
            ("output_token_throughput", metrics.token_arrivals),
        )
    }
    rates = {
        "request_throughput": intervals.batch_rates(clients, metrics.completions),
        "output_token_throughput": intervals.batch_rates(clients, metrics.token_arrivals),
    }
    return throughputs | {
        "throughput_intervals": {
            name: intervals.of_mean(throughputs[name], rates[name]) if long_enough else None for name in rates
        },
        "requests": {"issued": len(cohort)}
        | {status: sum(r["status"] == status for r in cohort) for status in ("ok", "error", "timeout", "cancelled")},
        "errors": dict(collections.Counter(r["error_kind"] for r in cohort if r["error_kind"])),
        "duration_seconds": max(client["t2"] - client["t1"] for client in clients) / metrics.SECOND,
        "input_tokens": sum(r["tokens"]["input_usage"] or r["tokens"]["input_planned"] or 0 for r in good),
        "output_tokens": sum(metrics.tokens(r) or 0 for r in good),
        "concurrency": {"delivered_mean": sum(map(metrics.in_flight_mean, clients))},
        "metrics": described,
        "steady_state": steadiness.steady_state(trial),
        "slo": objectives.slo(trial) if trial.get("slo") else None,
        "goodput": objectives.goodput(trial) if any((trial.get("goodput") or {}).values()) else None,
    }
