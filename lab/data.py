"""The datasets of a study: prepared and embedded, or used where they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tessera_rec as tessera

from . import published
from .errors import LabError

INTERACTIONS = "interactions.txt"
ITEM_TEXT = "item_text.json"
TIMESTAMPS = "timestamps.txt"
NEGATIVES = "negatives.txt.gz"


@dataclass(frozen=True)
class StudyData:
    """A dataset of a study."""

    name: str  # of its folder: names the models' folders too
    path: Path  # of the dataset directory
    negatives: Path | None  # of the sampled protocol; None: drawn by seed
    fingerprint: str
    simulated: bool
    users: int
    items: int
    events: int
    published: str  # "Beauty" or "Sports" where published figures are of this data, otherwise ""
    how: str = ""  # which items are withheld, in words


def data_name(source: Path) -> str:
    """That of the folder itself, however it is written."""
    return source.resolve().name or "data"


def open_data(source: Path, directory: Path, encoder: str | None = None) -> StudyData:
    """Opens `source` for a study.

    It is either a dataset directory that is embedded, which is used where it is, or a folder with
    interactions.txt, item_text.json and, if there are given ones, negatives.txt.gz, which becomes a dataset in
    `directory`, unless it is there already. `LabError` if `source` is neither, or `directory` holds other data.
    """
    if (source / INTERACTIONS).exists():
        _prepare_once(source, directory, encoder)
        dataset = tessera.Dataset(directory)
    elif (source / "dataset.json").exists():
        dataset = tessera.Dataset(source)
        if not (source / "embeddings.npy").exists():
            raise LabError(f"{source}: not embedded yet: run 'tessera embed --data {source}'")
    else:
        raise LabError(
            f"{source}: neither a folder with {INTERACTIONS} and {ITEM_TEXT} nor a dataset directory"
        )
    return study_data(dataset, data_name(source), source / NEGATIVES)


def study_data(dataset: tessera.Dataset, name: str, negatives: Path, how: str = "") -> StudyData:
    lengths = np.diff(dataset.offsets)
    if not (lengths >= 3).any():
        raise LabError(f"{dataset.path}: no user has 3 events, so there is nothing to evaluate")
    return StudyData(
        name, Path(dataset.path), negatives if negatives.exists() else None, dataset.fingerprint,
        dataset.simulated, len(lengths), len(dataset.item_ids), len(dataset.events),
        published.dataset_of(len(lengths), len(dataset.item_ids)), how,
    )  # fmt: skip


def _prepare_once(source: Path, directory: Path, encoder: str | None, **options) -> None:
    """Makes the dataset, or sees that it was made of these files: preparing again takes a second or two."""
    for name in INTERACTIONS, ITEM_TEXT:
        if not (source / name).exists():
            raise LabError(f"{source / name}: there is no such file")
    there = (directory / "dataset.json").exists()
    target = directory.with_name(directory.name + ".again") if there else directory
    target.parent.mkdir(parents=True, exist_ok=True)
    if (source / TIMESTAMPS).exists() and options:
        options["timestamps"] = source / TIMESTAMPS
    made = tessera.prepare(
        source / INTERACTIONS, target, item_text=source / ITEM_TEXT, name=data_name(source), **options
    )
    if there:
        before = tessera.Dataset(directory)
        same = (made.fingerprint, made.titles, made.texts) == (
            before.fingerprint, before.titles, before.texts)  # fmt: skip
        shutil.rmtree(target)
        if not same:
            raise LabError(
                f"{directory}: was made of other data than {source}: choose another --out, or remove it"
            )
    if not (directory / "embeddings.npy").exists():
        tessera.Dataset(directory).embed(encoder=encoder or "tfidf-svd")


# How items are kept from training, for the study of new items: options of `prepare`, and what that means.
WAYS = {
    "seed": ({"cold_by": "seed"}, "withheld by seed"),
    "time": ({"cold_by": "time"}, "that appeared last withheld"),
    "split": ({"split": "time", "order": "time"}, "that the split by time leaves without training events"),
}


def open_withheld(source: Path, directory: Path, way: str, share: float, encoder: str | None) -> StudyData:
    """A dataset of the files in `source` with items withheld in one of WAYS."""
    if way != "seed" and not (source / TIMESTAMPS).exists():
        raise LabError(f"{source / TIMESTAMPS}: there is no such file: only --withhold seed needs none")
    options, what = WAYS[way]
    if way != "split":
        options = {**options, "cold_items": share}
    _prepare_once(source, directory, encoder, **options)
    with open(directory / "items.jsonl", encoding="utf-8") as lines:
        withheld = [bool(json.loads(line).get("withheld")) for line in lines]
    how = f"{sum(withheld):,} of {len(withheld):,} items {what}"
    return study_data(tessera.Dataset(directory), f"{data_name(source)}-{way}", source / NEGATIVES, how)
