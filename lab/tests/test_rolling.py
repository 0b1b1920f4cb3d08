"""The tables of a shop over time, out of what its steps found."""

import json

from lab.rolling import KINDS, Rolling


def step(users, ndcg, seconds, kept=None, cold=None):
    slices = {"cold": cold and {"users": cold[0], "NDCG@10": cold[1]}, "warm": {"users": users, "NDCG@10": ndcg}}
    return {"users": users, "NDCG@10": ndcg, "seconds": seconds, "codes_kept": kept, "slices": slices}


def study(out, periods):
    one = Rolling.__new__(Rolling)
    one.out, one.cuts = out, list(range(periods + 1))
    (out / "steps").mkdir()
    return one


def test_models_stand_beside_the_one_from_nothing(tmp_path):
    one = study(tmp_path, 3)
    for period, fresh in enumerate((0.05, 0.06, 0.08)):
        for kind in KINDS:
            found = step(100, fresh, 40, cold=(10, 0.01 * (period + 1)))
            if kind == "warm":
                found = step(100, 0.9 * fresh, 8, 0.5, cold=(30, 0.02) if period == 0 else None)
            (tmp_path / "steps" / f"{period}-{kind}.json").write_text(json.dumps(found))
    lines = one.tables().splitlines()
    assert lines[3] == "| 1 | 100 | 0.0600 (40) | 0.0600 (40) | 0.0540 (8) | 0.0600 (40) | 50.0 % |"
    assert "| 0.0700 (40) | 0.0630 (8), -10.0 % at 0.20 |" in lines[5], "of the periods that were trained for"
    cold = next(line for line in lines if line.startswith("| cold"))
    assert cold == "| cold | 30 | 0.0200 | 0.0200 | 0.0200 | 0.0200 |", "weighed by users; a period may have none"


def test_periods_that_are_not_done_are_left_out(tmp_path):
    one = study(tmp_path, 2)
    assert one.tables() == ""
    for kind in KINDS[:3]:
        (tmp_path / "steps" / f"0-{kind}.json").write_text(json.dumps(step(10, 0.1, 1)))
    assert one.tables() == ""
