"""Whether it matters when in its window a trial's numbers were taken, from its records and the definitions."""

import itertools
import statistics

import metrics
from statistics_of import lag_one, level_shift, mann_kendall, most_pronounced, theil_sen

BATCHES = (20, 15, 12, 10, 6)
FEWEST = 6
SIGNIFICANCE, DRIFT, SHIFT, AUTOCORRELATION, WANDERING = 0.01, 0.05, 0.10, 0.5, 0.05


def residence(trial):
    """Mean time in flight of the requests that were sent in the window; None without any."""
    spans = [
        record["times"]["end"] - record["times"]["sent"]
        for client in trial["clients"]
        for record in client["records"]
        if record["times"]["sent"] is not None and client["t1"] <= record["times"]["sent"] < client["t2"]
    ]
    return statistics.fmean(spans) if spans else None


def number_of_batches(trial):
    """As many as are at least two requests long; six may be one request long. None: the window is too short."""
    window, request = max(client["t2"] - client["t1"] for client in trial["clients"]), residence(trial)
    fitting = (n for n in BATCHES if window >= 2 * n * request)
    return next(fitting, FEWEST if window >= FEWEST * request else None)


def overlaps(client, begin, batches):
    """In which batches how many nanoseconds of requests lie, each from `begin` to its end."""
    t1, length = client["t1"], client["t2"] - client["t1"]
    for record in client["records"]:
        start, end = record["times"][begin], record["times"]["end"]
        for i in range(batches) if start is not None else ():
            low, high = t1 + length * i / batches, t1 + length * (i + 1) / batches
            yield i, max(0.0, min(end, high) - max(start, low))


def added(clients, batches, events):
    sums = [0.0] * batches
    for client in clients:
        for i, weight in events(client):
            sums[i] += weight
    return sums


def first_tokens(trial, batches):
    """The median time to the first token of the requests that began in each batch which has one: the lower of two."""
    name = "ttft" if trial["start"] == "sent" else "ttft_sched"
    values = [[] for _ in range(batches)]
    for client in trial["clients"]:
        for record in client["records"]:
            began = record["times"][trial["start"]]
            if record["cohort"] and record["status"] == "ok" and client["t1"] <= began < client["t2"]:
                value = metrics.of_request(record)[name]
                values[metrics.batch_of(client, began, batches)] += [value] if value is not None else []
    return [statistics.median_low(batch) for batch in values if batch]


def series(trial, batches):
    """What is looked at, batch by batch."""
    clients = trial["clients"]
    tokens = added(clients, batches, lambda client: metrics.token_arrivals(client, batches))
    done = added(clients, batches, lambda client: metrics.completions(client, batches))
    waiting, begin = ("in_flight", "sent") if trial["start"] == "sent" else ("outstanding", "intended")
    return {
        "throughput": tokens if any(tokens) else done,
        "ttft": first_tokens(trial, batches),
        waiting: added(clients, batches, lambda client: overlaps(client, begin, batches)),
    }


def measured(values):
    """The numbers that decide, relative to the median; None where there is nothing to decide on."""
    median = statistics.median(values) if values else 0
    if len(values) < FEWEST or median <= 0:
        return None
    _, size = most_pronounced(values)
    # Permutations take long; a shift that is far too small needs none.
    p = level_shift(values)[1] if abs(size) / median > 0.8 * SHIFT else 1.0
    return {
        "drift": theil_sen(values) * (len(values) - 1) / median,
        "drift_p": mann_kendall(values),
        "shift": size / median,
        "shift_p": p,
        "lag": lag_one(values),
        "spread": statistics.stdev(values) / median,
    }


def finding(values):
    """What keeps a series from being steady, and its size; None: nothing does."""
    of = measured(values)
    if of is None:
        return None
    if abs(of["drift"]) > DRIFT and of["drift_p"] < SIGNIFICANCE:
        return "trend", of["drift"]
    if abs(of["shift"]) > SHIFT and of["shift_p"] < SIGNIFICANCE:
        return "shift", of["shift"]
    if of["spread"] > WANDERING and of["lag"] is not None and of["lag"] > AUTOCORRELATION:
        return "wandering", of["lag"]
    return None


def in_full(trial):
    """The batches, the series and what is found in them."""
    batches = number_of_batches(trial)
    if batches is None:
        return {"batches": None, "series": {}, "findings": {}}
    values = series(trial, batches)
    return {"batches": batches, "series": values, "findings": {name: finding(of) for name, of in values.items()}}


def sides(value, limit, slack):
    """Whether a value exceeds a limit: both, if it is only known to within a slack."""
    return {value - slack > limit, value + slack > limit}


def possible(values):
    """What may be found in a series whose values, times to the first token, are only known to 0.4 %, and whose p of a shift
    comes from some hundred permutations."""
    of = measured(values)
    if of is None:
        return {"steady"}
    both = lambda *tests: {all(outcome) for outcome in itertools.product(*tests)}
    trend = both(sides(abs(of["drift"]), DRIFT, 0.01), sides(-of["drift_p"], -SIGNIFICANCE, 0.008))
    shift = both(sides(abs(of["shift"]), SHIFT, 0.01), sides(-of["shift_p"], -SIGNIFICANCE, 0.009))
    lag = of["lag"] if of["lag"] is not None else -1.0
    wanders = both(sides(of["spread"], WANDERING, 0.005), sides(lag, AUTOCORRELATION, 0.1))
    outcomes = set()
    for changes, wandering in itertools.product({a or b for a, b in itertools.product(trend, shift)}, wanders):
        outcomes.add("none" if changes else "undecided" if wandering else "steady")
    return outcomes


def steady_state(trial):
    """All that `steady_state` of the summary may be: more than one where a number lies at its limit."""
    if residence(trial) is None:
        return {None}
    batches = number_of_batches(trial)
    if batches is None:
        return {"undecided"}
    outcomes = set()
    for found in itertools.product(*map(possible, series(trial, batches).values())):
        outcomes.add(next((worst for worst in ("none", "undecided") if worst in found), "steady"))
    return outcomes
