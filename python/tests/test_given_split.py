import numpy as np
import pytest

import tessera_rec as tessera

PARTS = [
    {"user_id": ["a", "a", "b"], "item_id": [1, 2, 1], "time": [1, 2, 3]},
    {"user_id": ["a", "b"], "item_id": [3, 2], "time": [3, 4]},
    {"user_id": ["a", "b"], "item_id": [4, 5], "time": [4, 5]},
]


def test_a_split_of_tables_is_used_as_it_is(tmp_path):
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    kinds = [PARTS, [pd.DataFrame(part) for part in PARTS], [pa.table(part) for part in PARTS]]
    made = [tessera.prepare(given, tmp_path / str(i), split="given", name="x") for i, given in enumerate(kinds)]
    for data in made:
        assert data.histories("validation") == {"a": ["1", "2"], "b": ["1"]}
        assert data.histories("test") == {"a": ["1", "2", "3"], "b": ["1", "2"]}
        assert data.targets("test") == {"a": "4", "b": "5"}
        assert data.fingerprint == made[0].fingerprint


def test_a_split_goes_out_and_comes_back(shop, tmp_path):
    """What one program calls train, validation and test another can be given."""
    tessera.interchange.write_split(shop, tmp_path / "split")
    again = tessera.prepare(
        [tmp_path / "split" / f"{part}.csv" for part in ("train", "validation", "test")],
        tmp_path / "again", format="csv", split="given",
    )  # fmt: skip
    for split in "validation", "test":
        assert again.targets(split) == shop.targets(split)
        assert again.histories(split) == shop.histories(split)


def test_wrong_parts_are_refused(tmp_path):
    with pytest.raises(tessera.UsageError, match="three interactions"):
        tessera.prepare(["a", "b"], tmp_path / "x", split="given", format="csv")
    with pytest.raises(TypeError, match="validation"):
        tessera.prepare([PARTS[0], np.zeros(3), PARTS[2]], tmp_path / "x", split="given")
