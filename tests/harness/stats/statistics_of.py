"""Test statistics of series, from the textbooks. Reads {"series": [...], "samples": [...]} and prints what it finds."""

import itertools
import json
import math
import random
import statistics
import sys

PERMUTATIONS = 4000


def mann_kendall(x):
    """Two-sided p of the normal approximation, with correction for continuity and ties."""
    n = len(x)
    s = sum((x[j] > x[i]) - (x[j] < x[i]) for i, j in itertools.combinations(range(n), 2))
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (x.count(v) for v in set(x)))
    sigma = math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    return math.erfc(max(abs(s) - 1, 0) / sigma / math.sqrt(2)) if sigma else 1.0


def theil_sen(x):
    return statistics.median((x[j] - x[i]) / (j - i) for i, j in itertools.combinations(range(len(x)), 2))


def lag_one(x):
    """None for values that are all the same."""
    mean = statistics.fmean(x)
    squares = sum((a - mean) ** 2 for a in x)
    return sum((a - mean) * (b - mean) for a, b in zip(x, x[1:])) / squares if squares else None


def most_pronounced(x):
    """The largest difference of means in units of its standard error, and the difference; two values a side at least."""
    best, n = (0.0, 0.0), len(x)
    total, before = math.fsum(x), x[0]
    for k in range(2, n - 1):
        before += x[k - 1]
        size = (total - before) / (n - k) - before / k
        pronounced = abs(size) / math.sqrt(1 / k + 1 / (n - k))
        if pronounced > best[0] * (1 + 1e-12):
            best = (pronounced, size)
    return best


def level_shift(x):
    """Size, p, and the number of permutations that p comes from: all of them if they are few."""
    pronounced, size = most_pronounced(x)
    if len(x) <= 7:
        orders = list(itertools.permutations(x))
    else:
        dice = random.Random(1)
        orders = (dice.sample(x, len(x)) for _ in range(PERMUTATIONS))
    found = [most_pronounced(list(order))[0] >= pronounced * (1 - 1e-9) for order in orders]
    return size, sum(found) / len(found), len(found)


def of_series(x):
    return [mann_kendall(x), theil_sen(x), lag_one(x), *level_shift(x)]


def main():
    print(json.dumps([of_series(x) for x in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
