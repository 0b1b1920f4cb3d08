"""What the tests share: a small simulated shop, and results without training.

TESSERA_PROGRAM names the command line's program; without it the comparisons with it are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tessera_rec as tessera

from lab.data import StudyData

ROOT = Path(__file__).resolve().parents[2]

# Settings that train in well under a second on the shop below.
TINY = dict(
    epochs=2, codebook_size=16, semantic_dims=16, hidden=16, feed_forward=32, max_length=8,
    batch_users=64, collaborative_epochs=2,
)  # fmt: skip
TINY_WORDS = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "shop"
    tessera.simulate(directory, users=300, items=150, seed=3).embed(dims=32)
    return directory


def begin_lab(*words):
    """`python -m lab …`, begun."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab", *map(str, words)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "MPLBACKEND": "svg"},
    )  # fmt: skip


def run_lab(*words):
    """`python -m lab …` to its end: exit code, standard output, standard error."""
    process = begin_lab(*words)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture(scope="session")
def program():
    """Runs the command line; returns what it prints."""
    path = os.environ.get("TESSERA_PROGRAM")
    if not path:
        pytest.skip("TESSERA_PROGRAM does not name the command line's program")

    def run(*words):
        command = [path, "--threads", "1", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def beauty_like(tmp_path):
    """Data of the size that published figures are of; there is nothing in its directory."""
    return StudyData("beauty", tmp_path, None, "f00d", False, 22363, 12101, 198502, "Beauty")


def metrics_at(value):
    names = ("HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR")
    return {**{m: value * f for m, f in zip(names, (0.3, 0.7, 1, 0.5, 0.6, 0.55))}, "users": 22363}


def result_at(value, levels=3):
    """A result with this HR@10 on the sampled protocol and a tenth of it on the full one."""
    return {
        "epochs": 3,
        "best_epoch": 2,
        "seconds": {"train": 65.0, "evaluate": 2.0},
        "validation": metrics_at(value),
        "test": {"sampled": metrics_at(value), "full": metrics_at(value / 10)},
        "tokens": {
            "catalogue_parameters": 145960, "catalogue_bytes": 583840, "reduction": 0.81,
            "activation": [0.75] * levels, "perplexity": [100.0] * levels, "unique_share": 0.75,
            "distinct_share": 0.8125, "largest_collision": 5,
        },
        "curve": [{"loss": 2 - e / 10, "validation": metrics_at(value - 0.1 + e / 20)} for e in range(3)],
        "baselines": {},
    }  # fmt: skip
