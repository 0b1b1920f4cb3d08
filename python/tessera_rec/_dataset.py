"""Datasets: users' histories and the catalogue, as a directory on disk."""

from __future__ import annotations

import csv
import inspect
import json
import os
import re
import tempfile
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Mapping, Sequence, Union

import numpy as np

from . import _engine, _tables
from ._errors import Error, UsageError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._words import PrepareOptions

Path = Union[str, "os.PathLike[str]"]
Split = Literal["test", "validation"]


class Dataset:
    """A dataset directory, as `prepare` and `simulate` make it and the command line reads it.

    What it holds is read when first asked for, and once. Arrays are views of the engine's memory,
    not copies, and cannot be written to.

    Args:
        path: The directory. Throws `Error` if it is none or is damaged.

    Example:
        >>> data = tessera.Dataset("shop")
        >>> len(data.user_ids), len(data.item_ids)
        (300, 150)
    """

    def __init__(self, path: Path) -> None:
        self.path: str = os.fspath(path)
        self._data = _engine.read_dataset(self.path)

    def __reduce__(self):
        return Dataset, (os.path.abspath(self.path),)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.path!r}: {len(self.user_ids)} users, {len(self.item_ids)} items, "
            f"{len(self.events)} events)"
        )

    @property
    def name(self) -> str:
        """What the dataset is called."""
        return self._data.name

    @property
    def simulated(self) -> bool:
        """Whether it is a simulated shop, which no method should be judged by."""
        return self._data.simulated

    @property
    def fingerprint(self) -> str:
        """Digest of catalogue, events and split: equal ones train and evaluate on the same data.

        Example:
            >>> data.fingerprint == tessera.Dataset("shop").fingerprint
            True
        """
        return self._data.fingerprint

    @cached_property
    def user_ids(self) -> list[str]:
        """Ids of the users, in the order of `offsets`.

        Example:
            >>> data.user_ids[0]
            'U000001'
        """
        return self._data.user_ids

    @cached_property
    def item_ids(self) -> list[str]:
        """Ids of the items by their number: `events` and `embeddings` count as this list does.

        Example:
            >>> "S000012" in data.item_ids
            True
        """
        return self._data.item_ids

    @cached_property
    def titles(self) -> list[str]:
        """Titles of the items by their number.

        Example:
            >>> len(data.titles) == len(data.item_ids)
            True
        """
        return self._data.titles

    @cached_property
    def texts(self) -> list[str]:
        """Texts of the items by their number: what an encoder of your own should read.

        Example:
            >>> vectors = np.array([[len(text), text.count("e")] for text in data.texts], "f4")
            >>> vectors.shape
            (150, 2)
        """
        return self._data.texts

    @property
    def offsets(self) -> np.ndarray:
        """int64 [users + 1]: user u has the events offsets[u] to offsets[u + 1]. A view.

        Example:
            >>> data.events[data.offsets[0] : data.offsets[1]].dtype
            dtype('int32')
        """
        return self._data.offsets

    @property
    def events(self) -> np.ndarray:
        """int32 [events]: item numbers, users' histories end to end, oldest first. A view.

        Example:
            >>> int(data.events.max()) < len(data.item_ids)
            True
        """
        return self._data.events

    @property
    def times(self) -> np.ndarray:
        """int64 [events]: unix seconds beside `events`, -1 unknown; empty without times. A view.

        Example:
            >>> data.times.shape in [(0,), data.events.shape]
            True
        """
        return self._data.times

    @property
    def weights(self) -> np.ndarray:
        """float32 [events]: what each of `events` counts; empty where all count alike. A view.

        Example:
            >>> data.weights.shape in [(0,), data.events.shape]
            True
        """
        return self._data.weights

    @property
    def embeddings(self) -> np.ndarray:
        """float32 [items, dims]: the file that `embed` wrote, mapped into memory.

        Example:
            >>> data.embeddings.shape
            (150, 32)
        """
        file = os.path.join(self.path, "embeddings.npy")
        if not os.path.exists(file):
            raise Error(f"{file}: there are no embeddings: call embed first")
        return np.load(file, mmap_mode="r")

    @property
    def summary(self) -> dict[str, Any]:
        """What `prepare` found, dropped and why (`summary.json`); empty for a simulated shop."""
        file = os.path.join(self.path, "summary.json")
        if not os.path.exists(file):
            return {}
        with open(file, encoding="utf-8") as stream:
            return json.load(stream)

    @cached_property
    def _user_numbers(self) -> dict[str, int]:
        return {user: number for number, user in enumerate(self.user_ids)}

    def history(self, user: str | int) -> list[str]:
        """Item ids of one user's whole history, oldest first.

        Example:
            >>> model.recommend(data.history("U000001"), k=3).items.shape
            (3,)
        """
        number = self._user_numbers.get(str(user))
        if number is None:
            raise Error(f"user '{user}' is not in the dataset; user_ids lists them")
        ids = self.item_ids
        begin, end = self.offsets[number : number + 2]
        return [ids[item] for item in self.events[begin:end].tolist()]

    def histories(self, split: Split = "test") -> dict[str, list[str]]:
        """Of each user that a split evaluates, the item ids before what it holds out: what a system
        may know when it predicts. In the order of users.

        Example:
            >>> histories = data.histories("test")
            >>> histories["U000001"] == data.history("U000001")[:-1]
            True
        """
        users, lengths, _ = self._data.held_out(split)
        ids, names, events = self.item_ids, self.user_ids, self.events
        found = {}
        for user, length in zip(users.tolist(), lengths.tolist()):
            begin = int(self.offsets[user])
            found[names[user]] = [ids[item] for item in events[begin : begin + length].tolist()]
        return found

    def targets(self, split: Split = "test") -> dict[str, str]:
        """Of each user that a split evaluates, the item id that is to be predicted. The rows of arrays
        of predictions stand in this order.

        Example:
            >>> data.targets("test")["U000001"] == data.history("U000001")[-1]
            True
        """
        users, _, targets = self._data.held_out(split)
        ids, names = self.item_ids, self.user_ids
        return {names[u]: ids[item] for u, item in zip(users.tolist(), targets.tolist())}

    def embed(
        self,
        vectors: Any = None,
        ids: Sequence[str | int] | None = None,
        *,
        encoder: str = "tfidf-svd",
        encoder_of: Any = None,
        dims: int = 768,
        min_df: int = 2,
        max_terms: int = 32768,
        seed: int = 1,
        threads: int = 0,
    ) -> Dataset:
        """Gives every item an embedding: by a text encoder, or your own vectors.

        Args:
            vectors: float16, float32 or float64 [n, dims] of any encoder. None: the engine encodes
                the items' texts. NaN and Inf are refused. Anything but float32 in C order is copied.
            ids: The item id of each row of `vectors`; items that are not named get zeros. None: the
                rows are those of `item_ids`.
            encoder: Without vectors: `tfidf-svd`, fitted to the items, or the folder of a
                sentence encoder of BERT's family.
            encoder_of: Without vectors: an earlier model, dataset or their directory, whose text
                encoder reads the texts, so that the model can be trained on. Words that are new to
                it are not read.
            dims, min_df, max_terms, seed: Of `tfidf-svd`, as `tessera embed --help` says.
            threads: 0: every CPU allowed.

        Returns:
            The dataset itself.

        Example:
            >>> vectors = np.random.default_rng(1).normal(size=(len(data.item_ids), 16))
            >>> data.embed(vectors).embeddings.shape
            (150, 16)
            >>> data.embed(dims=32).embeddings.shape
            (150, 32)
        """
        if vectors is None:
            if ids is not None:
                raise UsageError("ids belong to vectors: give both")
            if encoder_of is not None:
                if encoder != "tfidf-svd":
                    raise UsageError("encoder does not go with encoder_of: give one of them")
                _engine.embed_as(self.path, os.fspath(getattr(encoder_of, "path", encoder_of)), threads)
                return self
            _engine.embed_text(self.path, encoder, dims, min_df, max_terms, seed, threads)
            return self
        rows = _tables.matrix(vectors, "vectors")
        names = None if ids is None else [str(i) for i in _tables.ids(ids, "ids")]
        _engine.embed_array(self.path, rows, names)
        return self


def simulate(
    out: Path, users: int = 6000, items: int = 3000, seed: int = 1, *, mean_events: float = 9.4
) -> Dataset:
    """Makes a simulated shop to try things on, as `tessera simulate` does.

    Args:
        out: The dataset directory to write.
        mean_events: Mean events a user.

    Example:
        >>> tessera.simulate("tiny", users=40, items=20)
        Dataset('tiny': 40 users, 20 items, ...)
    """
    _engine.simulate(os.fspath(out), users, items, mean_events, seed)
    return Dataset(out)


def prepare(
    interactions: Any,
    out: Path,
    *,
    items: Any = None,
    **options: Unpack[PrepareOptions],
) -> Dataset:
    """Makes a dataset of interactions and of what is known about items.

    Both go through what `tessera prepare` does with files: the same rows give the same dataset,
    byte for byte. Each option is the command's of that name; `docs/data.md` explains them.

    Args:
        interactions: A row each event. A table with `__arrow_c_stream__` (pyarrow, polars, pandas,
            …), a dict of one-dimensional arrays of one length, the path of a file, or a list of
            paths. With `split="given"` three of them: training, validation and test events. Ids are strings or whole numbers from 0; times are numbers, strings or datetimes;
            NaN and null are missing. Tables are read where they lie.
        out: The dataset directory to write; a dataset that is there is replaced, and a folder with
            anything else is refused.
        items: The same for items, a row each. Without `text` or `title` they are guessed.
        **options: Of the command line, below; `event_types` may be a dict of types with their weights,
            {"view": 1}, `missing` a list of texts, and a table's dataset is called as the directory
            unless `name` says else.

    Warns:
        UserWarning: For what looks wrong, such as an item of its own for every event; `summary` has
            the same in "warnings", and in "fields" which column was taken for what.

    Example:
        >>> events = {"user": ["ann", "ann", "ann", "bob"], "item": [1, 2, 3, 1],
        ...           "time": [10, 20, 30, 10]}
        >>> things = {"item": [1, 2, 3], "title": ["teapot", "kettle", "lamp"]}
        >>> tessera.prepare(events, "small", items=things).history("ann")
        ['1', '2', '3']
    """
    if options.get("split") == "given" and _are_three_tables(interactions):
        with tempfile.TemporaryDirectory() as folder:
            options["format"] = "csv"
            options["name"] = options.get("name") or os.path.basename(os.path.abspath(os.fspath(out)))
            return prepare(_parts_as_files(interactions, folder), out, items=items, **options)
    words: dict[str, Any] = {**options}
    for word in words:
        if word not in _OPTIONS:
            raise TypeError(f"prepare() got an unexpected keyword argument '{word}'")
    if isinstance(words.get("event_types"), Mapping):
        types = words["event_types"].items()
        words["event_types"] = ",".join(f"{kind}={weight}" for kind, weight in types)
    if words.get("missing") is not None and not isinstance(words["missing"], str):
        words["missing"] = ",".join(words["missing"])
    for word in "validation_from", "test_from", "max_errors":
        if words.get(word) is not None:
            words[word] = str(words[word])
    tables = {"interactions": None, "items": None}
    for role, given in ("interactions", interactions), ("items", items):
        if isinstance(given, (str, os.PathLike)):
            words[role] = [given]
        elif _are_paths(given):
            words[role] = list(given)
        elif given is not None:
            tables[role] = _tables.table(given, role)
    if tables["interactions"] is not None:
        if words.get("format") is not None:
            raise UsageError("format is of files: a table needs none")
        words["name"] = words.get("name") or os.path.basename(os.path.abspath(os.fspath(out)))
    summary = json.loads(
        _engine.prepare(_request(words), os.fspath(out), tables["interactions"], tables["items"])
    )
    for doubt in summary["warnings"]:
        warnings.warn(doubt, UserWarning, stacklevel=2)
    return Dataset(out)


def _are_three_tables(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and len(given) == 3 and not _are_paths(given)


def _parts_as_files(tables: Sequence[Any], folder: str) -> list[str]:
    """The parts of a split that was given as tables, as CSV files: the engine reads parts from files."""
    files = []
    for name, given in zip(("train", "validation", "test"), tables):
        files.append(os.path.join(folder, f"{name}.csv"))
        if hasattr(given, "to_csv"):  # pandas
            given.to_csv(files[-1], index=False)
            continue
        if hasattr(given, "__arrow_c_stream__"):
            import pyarrow

            given = pyarrow.table(given).to_pydict()
        if not isinstance(given, Mapping):
            raise TypeError(f"{name}: give a table, a dict of columns, or three paths")
        with open(files[-1], "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(given)
            writer.writerows(zip(*(np.asarray(column).tolist() for column in given.values())))
    return files


def _are_paths(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(
        isinstance(one, (str, os.PathLike)) for one in given
    )


# Every option of the engine's but those that have a place of their own: word → (default, sentence).
_OPTIONS = {
    word: (default, help)
    for word, default, help, _ in _engine.prepare_options
    if word not in ("interactions", "items")
}


def _describe_options(function: Any) -> None:
    """Gives the function's signature and docstring what the engine's table says of its options."""
    signature = inspect.signature(function)
    known = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    known += [
        inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY, default=default)
        for word, (default, _) in _OPTIONS.items()
    ]
    function.__signature__ = signature.replace(parameters=known)
    lines = ["", "", "Options:"]
    for word, (_, help) in _OPTIONS.items():
        plain = re.sub(r"--([a-z-]+)", lambda option: option[1].replace("-", "_"), help)
        lines.append(f"    {word}: {plain}")
    function.__doc__ = inspect.cleandoc(function.__doc__) + "\n".join(lines) + "\n"


_describe_options(prepare)


def _request(words: Mapping[str, Any]) -> _engine.PrepareRequest:
    request = _engine.PrepareRequest()
    for word, value in words.items():
        if value is None:
            continue
        try:
            setattr(request, word, value)
        except TypeError:
            kind = type(getattr(request, word)).__name__
            wanted = "a count from 0" if kind == "int" else kind
            raise TypeError(f"{word} = {value!r}: it must be {wanted}") from None
    return request
