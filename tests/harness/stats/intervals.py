"""Intervals of percentiles and throughputs from twenty time batches, from the definitions."""

import math
import statistics

from metrics import BATCHES, PERCENTILES, SECOND, rank

CONFIDENCE = 0.95


def student_t(p, degrees):
    """The two-sided percentile of Student's t, by Simpson's rule and bisection."""
    scale = math.gamma((degrees + 1) / 2) / math.sqrt(degrees * math.pi) / math.gamma(degrees / 2)

    def density(x):
        return scale * (1 + x * x / degrees) ** (-(degrees + 1) / 2)

    def within(t, steps=2000):
        h = t / steps
        inner = sum((4 if i % 2 else 2) * density(i * h) for i in range(1, steps))
        return 2 * h / 3 * (density(0) + inner + density(t))

    low, high = 0.0, 100.0
    while high - low > 1e-11:
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < p else (low, middle)
    return low


T = student_t(CONFIDENCE, BATCHES - 1)


def ratio_interval(samples, q):
    """The ranks of the bounds of a percentile's interval, which may lie beyond the values, and these in ascending order."""
    n = len(samples)
    ordered = sorted(value for _, value in samples)
    if n * (1 - q) < 10 - 1e-9:
        return None, ordered
    estimate, beyond = ordered[rank(n, q) - 1], n - rank(n, q)
    counts, above, equal = [0] * BATCHES, [0] * BATCHES, [0] * BATCHES
    for batch, value in samples:
        counts[batch] += 1
        above[batch] += value > estimate
        equal[batch] += value == estimate
    # Of the values that equal the estimate some have to lie beyond it; which ones is left to chance.
    share = (beyond - sum(above)) / sum(equal)
    p = beyond / n
    squares = sum((a + share * e - p * m) ** 2 for a, e, m in zip(above, equal, counts))
    variance = BATCHES / (BATCHES - 1) * squares + share * (1 - share) * sum(equal)
    se = math.sqrt(variance) / n
    low, high = math.ceil(n * (q - T * se) - 1e-9), math.ceil(n * (q + T * se) - 1e-9)
    return (low, high), ordered


class Bound(float):
    """A bound, with the samples that stand a few ranks before and after it: bins of values move a bound's rank by that."""

    RANKS = 2

    def __new__(cls, ordered, place):
        self = super().__new__(cls, ordered[place - 1] / SECOND)
        self.low = ordered[max(place - 1 - cls.RANKS, 0)] / SECOND
        self.high = ordered[min(place - 1 + cls.RANKS, len(ordered) - 1)] / SECOND
        return self


class Undecided(list):
    """Bounds so close to the first or the last value that bins decide whether they are beyond it, and there is no interval."""


def bounds(ranks, ordered):
    low, high = ranks
    n = len(ordered)
    if low < 1 - Bound.RANKS or high > n + Bound.RANKS:
        return None
    inside = 1 + Bound.RANKS <= low and high <= n - Bound.RANKS
    return (list if inside else Undecided)(Bound(ordered, min(max(place, 1), n)) for place in ranks)


def of_percentiles(samples, long_enough):
    if not samples:
        return None
    intervals = {}
    for name, q in PERCENTILES.items():
        ranks, ordered = ratio_interval(samples, q) if long_enough else (None, None)
        intervals[name] = ranks and bounds(ranks, ordered)
    return intervals


def of_mean(mean, rates):
    """The interval around a throughput, from the rates of the batches."""
    half = T * statistics.stdev(rates) / math.sqrt(len(rates))
    return [max(mean - half, 0), mean + half]


def batch_rates(clients, events):
    """Events per second of each batch; `events` lists the events of a client with their weights."""
    sums = [0.0] * BATCHES
    for client in clients:
        for batch, weight in events(client):
            sums[batch] += weight
    seconds = max(client["t2"] - client["t1"] for client in clients) / SECOND / BATCHES
    return [total / seconds for total in sums]
