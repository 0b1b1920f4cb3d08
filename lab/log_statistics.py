"""What a log looks like, in figures that do not depend on any model: `python -m lab.log_statistics DATASET…`.

The simulated shop is held against public logs by these (docs/data.md): its figures should lie among theirs.
"""

import argparse
import re

import numpy as np

DAY = 86_400


def gini(counts):
    """0 if all counts are equal, near 1 if one has everything."""
    counts = np.sort(counts)
    n = len(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * counts.sum()))


def words_of(text):
    return frozenset(re.findall(r"\w+", text.lower()))


def shared_words(texts, left, right):
    """Mean share of words that the texts of item pairs have in common (Jaccard)."""
    shares = [
        len(texts[a] & texts[b]) / max(1, len(texts[a] | texts[b])) for a, b in zip(left, right)
    ]
    return float(np.mean(shares))


def statistics(offsets, events, times, texts, seed=1):
    """Figures of histories [users + 1], [events], [events] (unix seconds, -1 unknown) and item texts."""
    random = np.random.default_rng(seed)
    offsets, events, times = np.asarray(offsets), np.asarray(events), np.asarray(times)
    lengths = np.diff(offsets)
    user = np.repeat(np.arange(len(lengths)), lengths)
    counts = np.bincount(events, minlength=len(texts))
    counts = counts[counts > 0]
    descending = np.sort(counts)[::-1]
    top = max(1, len(counts) // 100)
    pairs = np.unique(user.astype(np.int64) * len(texts) + events)
    found = {
        "events a user, median": float(np.median(lengths)),
        "events a user, mean": float(lengths.mean()),
        "events a user, 99 of 100 have at most": float(np.quantile(lengths, 0.99)),
        "events an item, median": float(np.median(counts)),
        "Gini index of popularity": gini(counts),
        "share of the most popular 1 % of items": float(descending[:top].sum() / counts.sum()),
        "share of events that repeat an item": 1 - len(pairs) / len(events),
    }
    inner = np.flatnonzero(user[1:] == user[:-1])
    drawn = random.choice(inner, min(20_000, len(inner)), replace=False)
    words = [words_of(text) for text in texts]
    chance = shared_words(words, events[drawn], random.permutation(events)[: len(drawn)])
    found["likeness of texts in a row, times chance"] = (
        shared_words(words, events[drawn], events[drawn + 1]) / chance
    )
    followers = {}
    for a, b in zip(events[inner], events[inner + 1]):
        followers.setdefault(int(a), []).append(int(b))
    known = {a: np.unique(b, return_counts=True)[1] for a, b in followers.items() if len(b) >= 10}
    if known:
        found["share of an item's commonest follower"] = float(
            np.average([c.max() / c.sum() for c in known.values()], weights=[c.sum() for c in known.values()])
        )  # fmt: skip
    known_times = times >= 0
    if known_times.any():
        found |= _of_times(events[known_times], times[known_times], user[known_times])
    return found


def _of_times(events, times, user):
    start, end = np.quantile(times, [0.001, 0.999])
    late = times > np.quantile(times, 0.8)
    fresh = np.setdiff1d(events[late], events[~late])
    order = np.argsort(times, kind="stable")
    first = {}
    last = {}
    for item, time in zip(events[order].tolist(), times[order].tolist()):
        first.setdefault(item, time)
        last[item] = time
    lives = [(last[i] - first[i]) / (end - start) for i in first]
    inner = np.flatnonzero(user[1:] == user[:-1])
    gaps = np.diff(times)[inner]
    weeks = np.bincount(((times - start) // (7 * DAY)).clip(0).astype(int))
    busy = np.sort(weeks)[::-1]
    return {
        "days from first to last event": float((end - start) / DAY),
        "share of steps within a day": float((gaps < DAY).mean()),
        "busiest week, times the median week": float(busy[0] / max(1, np.median(weeks))),
        "share of the last fifth on items new in it": float(np.isin(events[late], fresh).mean()),
        "life of an item, share of the time, median": float(np.median(lives)),
    }


def main():
    import tessera_rec as tessera

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="dataset directories")
    given = parser.parse_args()
    columns = []
    for path in given.datasets:
        data = tessera.Dataset(path)
        times = data.times if len(data.times) else np.full(len(data.events), -1)
        columns.append(statistics(data.offsets, data.events, times, data.texts))
    print("| | " + " | ".join(given.datasets) + " |")
    print("|---|" + "---|" * len(columns))
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"| {name} | " + " | ".join(f"{c[name]:.3g}" if name in c else "" for c in columns) + " |")


if __name__ == "__main__":
    main()
