"""What the tests share: a small simulated shop with a model, and the command line to compare with.

TESSERA_PROGRAM names the command line's program; without it the comparisons are skipped.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

import tessera_rec as tessera

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Settings that train in well under a second on the shop below, in one stage.
TINY = dict(
    recipe="paper", epochs=2, codebook_size=16, semantic_dims=16, hidden=16, feed_forward=32, max_length=8,
    batch_users=64,
)  # fmt: skip


def files_of(directory):
    """Every file below a directory with its bytes."""
    directory = pathlib.Path(directory)
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="session")
def shop_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made")
    data = tessera.simulate(directory / "shop", users=300, items=150, seed=3).embed(dims=32)
    tessera.fit(data, directory / "model", progress=False, **TINY)
    return directory


@pytest.fixture
def here(shop_directory, tmp_path, monkeypatch):
    """A directory of the test's own, which it is in, with copies of `shop` and `model`."""
    for name in "shop", "model":
        shutil.copytree(shop_directory / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop(here):
    return tessera.Dataset("shop")


@pytest.fixture
def model(here):
    return tessera.Model("model")


@pytest.fixture(scope="session")
def program():
    """Runs the command line; returns what it prints."""
    path = os.environ.get("TESSERA_PROGRAM")
    if not path:
        pytest.skip("TESSERA_PROGRAM does not name the command line's program")

    def run(*words):
        command = [path, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def beauty():
    """The shared reference data beside the checkout."""
    directory = ROOT.parent / "shared" / "data" / "beauty"
    if not directory.exists():
        pytest.skip("the shared reference data is not there")
    return directory
