"""What users with few events should get: NDCG@10 on validation of a dataset with a split by time.

    python -m lab.fallbacks --data games-time [--lists lists.jsonl]

For each user whose first event of the validation period follows none, one or two earlier events, that event is the
target. Trending and popularity count all events before the target's time, as a running service does; of trending an
event counts half as much a half-life later. The newest items are those whose first event came last; "mixed" takes one
of trending (3 days), popular and newest in turn. --lists: the model's lists for validation, of `tessera recommend
--model M --split validation -k 100 --json`; they are measured alone and blended with trending by reciprocal ranks
(Cormack et al. 2009), in the last rows beside the model's own list, user by user. An interval is that of the mean over
users, 1.96 standard errors.
"""
import argparse
import json
import pathlib

import numpy as np

HALF_LIVES = [1, 3, 7, 14, 30, 90, 365]  # days
DAY = 86400
BLENDS = [0.1, 0.2, 0.3, 0.5, 0.7]
RANK_OFFSET = 60  # of reciprocal rank fusion


def read(folder):
    """The items of all histories with their times, where each begins, and the validation period."""
    folder = pathlib.Path(folder)
    rule = json.loads((folder / "dataset.json").read_text())["split"]
    if rule["kind"] != "time":
        raise SystemExit(f"{folder}: is not split by time; prepare it with --split time")
    arrays = [np.load(folder / f"{name}.npy") for name in ("events", "times", "offsets")]
    return *arrays, rule["validation_from"], rule["test_from"]


def targets_of(times, offsets, begin, end, most=2):
    """(time, place, how many events come before, user) of each target, in order of time."""
    found = []
    for user, (first, last) in enumerate(zip(offsets[:-1], offsets[1:])):
        before = int(np.searchsorted(times[first:last], begin))
        if before <= most and first + before < last and begin <= times[first + before] < end:
            found.append((int(times[first + before]), int(first + before), before, user))
    return sorted(found)


def gain(rank):
    """NDCG@10 of one target at this rank, from 0."""
    return 1 / np.log2(rank + 2) if rank < 10 else 0.0


def rank_of(scores, target, hidden):
    """Its expected rank by these scores, ties in no order, among items that are not in the history."""
    scores = scores.copy()
    scores[hidden] = -1
    above, ties = np.sum(scores > scores[target]), np.sum(scores == scores[target])
    return above + (ties - 1) / 2


def top(scores, hidden, count):
    """The best items by these scores that are above 0 and not hidden."""
    scores = scores.copy()
    scores[hidden] = 0
    best = np.argsort(-scores, kind="stable")[:count]
    return best[scores[best] > 0]


def in_turns(lists, count):
    """One item of each list in turn, each once."""
    mixed = []
    for items in zip(*(list(one) + [-1] * (count - len(one)) for one in lists)):
        mixed += [item for item in items if item >= 0 and item not in mixed]
    return mixed[:count]


def fused(lists, items):
    """Scores of all items by weighted reciprocal ranks of (weight, list)."""
    scores = np.zeros(items)
    for weight, one in lists:
        scores[one] += weight / (RANK_OFFSET + np.arange(len(one)))
    return scores


def measure(folder, lists=None):
    events, times, offsets, begin, end = read(folder)
    order = np.argsort(times, kind="stable")
    items = int(events.max()) + 1
    # Weights relative to the end of the period, so that counts only grow; of old events with short half-lives nothing.
    decayed = {days: np.zeros(items) for days in HALF_LIVES}
    popular, first_seen = np.zeros(items), np.zeros(items)
    trained = np.bincount(events[times < begin], minlength=items).astype(float)
    gains = {}

    def note(name, before, value):
        gains.setdefault(name, {0: [], 1: [], 2: []})[before].append(value)

    at = 0
    for time, place, before, user in targets_of(times, offsets, begin, end):
        while at < len(order) and times[order[at]] < time:
            item, when = events[order[at]], times[order[at]]
            popular[item] += 1
            first_seen[item] = first_seen[item] or when
            for days in HALF_LIVES:
                decayed[days][item] += 2.0 ** max((when - end) / (days * DAY), -900)
            at += 1
        target, history = events[place], events[offsets[user]:place]
        note("popular in training", before, gain(rank_of(trained, target, history)))
        note("popular until now", before, gain(rank_of(popular, target, history)))
        for days in HALF_LIVES:
            note(f"trending, {days} days", before, gain(rank_of(decayed[days], target, history)))
        note("newest", before, gain(rank_of(first_seen, target, history)))
        mixed = in_turns([top(scores, history, 10) for scores in (decayed[3], popular, first_seen)], 10)
        note("mixed", before, gain(mixed.index(target)) if target in mixed else 0.0)
        best = lists.get(user) if lists else None
        if best is None:
            continue
        where = np.flatnonzero(best == target)
        note("the model", before, gain(where[0]) if len(where) else 0.0)
        for days in (3, 7, 30):
            trending = top(decayed[days], history, 100)
            for weight in BLENDS:
                blend = fused([(1 - weight, best), (weight, trending)], items)
                note(f"the model and {weight:.0%} trending, {days} days", before, gain(rank_of(blend, target, history)))
    return gains


def read_lists(file, folder):
    """The model's lists as item numbers, by user number."""
    numbers = {json.loads(line)["id"]: i for i, line in enumerate(open(pathlib.Path(folder) / "items.jsonl"))}
    users = {line.rstrip("\n"): i for i, line in enumerate(open(pathlib.Path(folder) / "users.txt"))}
    lists = {}
    for line in open(file):
        answer = json.loads(line)
        if "items" in answer:
            lists[users[answer["user"]]] = np.array([numbers[item["id"]] for item in answer["items"]])
    return lists


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="dataset with a split by time")
    parser.add_argument("--lists", help="the model's lists for validation, JSON lines")
    arguments = parser.parse_args()
    gains = measure(arguments.data, read_lists(arguments.lists, arguments.data) if arguments.lists else None)
    counts = {before: len(values) for before, values in gains["popular in training"].items()}
    print("| NDCG@10, validation | " + " | ".join(
        f"{before} events ({count:,} users)" for before, count in counts.items()) + " |")
    print("|---|" + "---|" * len(counts))
    for name, by_length in gains.items():
        cells = []
        for values in by_length.values():
            error = 1.96 * np.std(values) / np.sqrt(len(values)) if len(values) > 1 else 0.0
            cells.append(f"{np.mean(values):.4f} ± {error:.4f}" if values else "–")
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name, by_length in gains.items():
        if not name.startswith("the model and"):
            continue
        cells = []
        for before, values in by_length.items():
            change = np.array(values) - np.array(gains["the model"][before])
            error = 1.96 * np.std(change) / np.sqrt(len(change)) if len(change) > 1 else 0.0
            cells.append(f"{np.mean(change):+.4f} ± {error:.4f}" if len(change) else "–")
        print(f"| {name}, beside the model | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
