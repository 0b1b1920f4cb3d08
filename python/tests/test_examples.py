"""The examples, as they are."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tessera_rec as tessera
from conftest import ROOT

EXAMPLES = ROOT / "examples" / "python"


def run(*words):
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shop(tmp_path):
    said = run(EXAMPLES / "shop.py", tmp_path)
    assert "sequential rules" in said and "and may like:" in said and "like the new item:" in said
    for plot in "training.png", "tokens.png":
        content = (tmp_path / plot).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 5000
    index = json.loads((tmp_path / "shop.index.json").read_text())
    assert len(index) == len(tessera.Model(tmp_path / "model").item_ids)


@pytest.fixture
def files(shop, tmp_path):
    histories = {user: shop.history(user) for user in shop.user_ids}
    events = {
        "customer": [user for user, items in histories.items() for _ in items],
        "sku": [item for items in histories.values() for item in items],
        "bought_at": pa.array(
            [86_400_000_000 * i for items in histories.values() for i in range(len(items))],
            pa.timestamp("us"),
        ),
    }
    items = {"sku": shop.item_ids, "name": shop.titles, "words": shop.texts}
    pq.write_table(pa.table(events), tmp_path / "events.parquet")
    pq.write_table(pa.table(items), tmp_path / "items.parquet")
    return tmp_path


COLUMNS = ["--user", "customer", "--item", "sku", "--time", "bought_at", "--epochs", "2"]


def test_ones_own_parquet_with_texts(files):
    said = run(
        EXAMPLES / "own_parquet.py", files / "events.parquet", "--items", files / "items.parquet",
        "--out", files / "made", *COLUMNS, "--text", "{name}; {words}",
    )  # fmt: skip
    assert "popularity" in said and said.count("(") > 3
    model = tessera.Model(files / "made" / "model")
    assert model.levels == 1 and set(model.titles) <= set(tessera.Dataset(files / "shop").titles)


def test_ones_own_parquet_without(files):
    said = run(
        EXAMPLES / "own_parquet.py", files / "events.parquet", "--out", files / "made", *COLUMNS
    )
    assert "popularity" in said
    assert tessera.Model(files / "made" / "model").levels == 0
