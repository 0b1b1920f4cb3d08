"""What is measured of lists for users with few events, on a log of a few lines."""
import json

import numpy as np
import pytest

from lab import fallbacks

DAY = fallbacks.DAY


def write(folder, histories, begin, end):
    """A dataset of histories [(item, day), …]."""
    events = [item for history in histories for item, _ in history]
    times = [int(day * DAY) for history in histories for _, day in history]
    offsets = np.cumsum([0] + [len(history) for history in histories])
    np.save(folder / "events.npy", np.array(events, np.int32))
    np.save(folder / "times.npy", np.array(times, np.int64))
    np.save(folder / "offsets.npy", offsets)
    rule = {"kind": "time", "validation_from": begin * DAY, "test_from": end * DAY}
    (folder / "dataset.json").write_text(json.dumps({"split": rule}))


def test_targets_are_the_first_events_of_the_period_after_few_others(tmp_path):
    write(tmp_path, [[(0, 101)], [(1, 50), (2, 102)], [(3, 1), (4, 2), (5, 3), (6, 103)], [(0, 111)]], 100, 110)
    events, times, offsets, begin, end = fallbacks.read(tmp_path)
    targets = fallbacks.targets_of(times, offsets, begin, end)
    assert [(events[place], before, user) for _, place, before, user in targets] == [(0, 0, 0), (2, 1, 1)]


def test_what_happened_lately_ranks_before_what_happened_often(tmp_path):
    often = [[(0, day)] for day in (1, 2, 3, 4)]
    lately = [[(1, 99)], [(1, 104.5)]]
    write(tmp_path, [*often, *lately, [(1, 105)], [(0, 104.5)]], 100, 110)
    gains = fallbacks.measure(tmp_path)
    # Two targets without history at the same moment, which do not see each other, and then item 1.
    assert len(gains["trending, 3 days"][0]) == 3
    assert gains["trending, 3 days"][0][-1] == 1.0
    assert gains["popular until now"][0][-1] == pytest.approx(1 / np.log2(3))
    assert gains["popular in training"][0][-1] == pytest.approx(1 / np.log2(3))


def test_ties_have_their_expected_rank_and_the_history_none():
    scores = np.array([5.0, 3.0, 3.0, 9.0, 3.0])
    assert fallbacks.rank_of(scores, 1, hidden=np.array([3])) == 1 + 2 / 2
    assert fallbacks.gain(0) == 1.0
    assert fallbacks.gain(10) == 0.0


def test_the_newest_is_what_began_last(tmp_path):
    write(tmp_path, [[(0, 1)], [(0, 104)], [(1, 99)], [(1, 100)], [(1, 105)]], 100, 110)
    gains = fallbacks.measure(tmp_path)
    assert gains["newest"][0][-1] == 1.0  # of item 1; item 0 began long before, though it was met later


def test_lists_take_turns_and_hold_each_item_once():
    assert fallbacks.in_turns([[3, 1, 2], [1, 3], [4]], 10) == [3, 1, 4, 2]
    assert fallbacks.in_turns([[3, 1, 2], [1, 3], [4]], 2) == [3, 1]


def test_a_blend_of_all_of_one_list_is_that_list(tmp_path):
    scores = fallbacks.fused([(1.0, np.array([4, 2])), (0.0, np.array([0, 1]))], 5)
    assert np.argsort(-scores, kind="stable")[:2].tolist() == [4, 2]
    both = fallbacks.fused([(0.5, np.array([4, 2])), (0.5, np.array([2, 3]))], 5)
    assert both.argmax() == 2  # second here and first there
    # One event before the target: the model's list stands beside trending, and the blend between them.
    write(tmp_path, [[(0, 104)], [(1, 104.5)], [(2, 99), (1, 105)]], 100, 110)
    gains = fallbacks.measure(tmp_path, {2: np.array([0, 1])})
    assert gains["the model"][1] == [pytest.approx(1 / np.log2(3))]
    assert gains["the model and 70% trending, 3 days"][1] == [1.0]
    assert gains["the model and 10% trending, 3 days"][1] == [pytest.approx(1 / np.log2(3))]
