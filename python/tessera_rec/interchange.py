"""To other tools and back: RecBole's atomic files, token indices, faiss, experiment trackers.

Lists go out as Parquet, CSV or JSON lines. RecBole's files are read by `tessera.prepare(folder, out, format="recbole")`.
"""

from __future__ import annotations

import csv
import json
import os
import re
import warnings
from collections import Counter
from typing import Any, Literal, Mapping, Sequence, Union

import numpy as np

from ._dataset import Dataset, Path
from ._errors import Error, UsageError
from ._lists import ManyRecommendations
from ._model import Kind, Model
from ._tokenize import Tokens
from ._trackers import tracker_metrics, tracker_runs, write_tensorboard  # noqa: F401


# What pandas, which RecBole reads with, takes for a missing value.
_MISSING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split("|")
)


def write_recbole(data: Dataset, folder: Path) -> None:
    """Writes a dataset as RecBole's atomic files, `folder/NAME.inter` and `NAME.item`.

    NAME is the folder's, as RecBole wants it. Its sequential models need a time of every event: an
    unknown one is that of the event before, and without any times the place in the history stands
    for it. Tabs and line ends inside texts become blanks, and a quote at the beginning of a text
    becomes “, as these files cannot hold them. An id with a tab or a line end, with a quote in front, or
    such as NA or null, which RecBole would read as missing, is refused.
    The split does not go along: RecBole has its own. What `prepare` made comes back as it was, if
    prepared with the same seed.

    Warns:
        UserWarning: If times were filled in.

    Example:
        >>> tessera.interchange.write_recbole(data, "shop-recbole")
        >>> again = tessera.prepare("shop-recbole", "shop-again", format="recbole", order="file")
        >>> again.history("U000001") == data.history("U000001")
        True
    """
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(os.path.abspath(folder))
    for what, ids in ("user", data.user_ids), ("item", data.item_ids):
        for text in ids:
            if re.search(r"[\t\r\n]", text) or text.startswith('"'):
                what_of = "a quote in front" if text.startswith('"') else "a tab" if "\t" in text else "a line end"
                raise Error(f"{what} '{text}' holds {what_of}, which RecBole's files cannot")
            if text in _MISSING:
                raise Error(f"{what} '{text}' would be read as missing by RecBole: rename it")
    items = data.item_ids
    times, filled = _known_times(data)
    if filled:
        text = f"{filled} of {len(times)} events have no known time: that of the event before was written"
        warnings.warn(text, UserWarning, stacklevel=2)
    with _lines(folder, f"{name}.inter") as out:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for number, user in enumerate(data.user_ids):
            for i in range(*data.offsets[number : number + 2].tolist()):
                out.write(f"{user}\t{items[data.events[i]]}\t{times[i]}\n")
    with _lines(folder, f"{name}.item") as out:
        out.write("item_id:token\ttitle:token_seq\ttext:token_seq\n")
        for item, title, text in zip(items, data.titles, data.texts):
            out.write(f"{item}\t{_plain(title)}\t{_plain(text)}\n")


def _known_times(data: Dataset) -> tuple[list[int], int]:
    """A time of each event, never falling within a history for want of one; how many were filled in."""
    known = data.times
    if len(known) == 0 or not bool((known >= 0).any()):
        places = [range(end - begin) for begin, end in zip(data.offsets[:-1], data.offsets[1:])]
        return [place for history in places for place in history], 0
    times = known.tolist()
    first = min(time for time in times if time >= 0)
    for begin, end in zip(data.offsets[:-1].tolist(), data.offsets[1:].tolist()):
        last = next((time for time in times[begin:end] if time >= 0), first)
        for i in range(begin, end):
            last = times[i] = times[i] if times[i] >= 0 else last
    return times, int((known < 0).sum())


def write_split(data: Dataset, folder: Path) -> None:
    """Writes the split of a dataset as `train.csv`, `validation.csv` and `test.csv`: user, item, time.

    Validation and test begin with the event that is to be predicted. `prepare(…, split="given")` reads them,
    and so does whoever reads tables, such as RecTools. Times are written where they are
    known; weights of events are not.

    Example:
        >>> tessera.interchange.write_split(data, "split")
        >>> open("split/test.csv").readline().strip()
        'user,item,time'
    """
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    users, items, times = data.user_ids, data.item_ids, data.times
    held_out = [
        {user: len(history) for user, history in data.histories(split).items()}
        for split in ("validation", "test")
    ]
    with _lines(folder, "train.csv") as train, _lines(folder, "validation.csv") as validation, _lines(
        folder, "test.csv"
    ) as test:
        writers = [csv.writer(out, lineterminator="\n") for out in (train, validation, test)]
        for writer in writers:
            writer.writerow(["user", "item", "time"])
        for number, user in enumerate(users):
            begin, end = data.offsets[number : number + 2].tolist()
            last = begin + held_out[1].get(user, end - begin)
            first = begin + held_out[0].get(user, last - begin)
            for writer, rows in zip(writers, ((begin, first), (first, last), (last, end))):
                for row in range(*rows):
                    time = int(times[row]) if len(times) and times[row] >= 0 else ""
                    writer.writerow([user, items[data.events[row]], time])


Coded = Union[Model, Tokens]
"""Whatever has items with codes: a model, or what `tokenize` made."""


def token_index(
    source: Coded, *, unique: bool = False, kind: Kind = "semantic"
) -> dict[str, list[str]]:
    """Item id → tokens, `{"12": ["<a_12>", "<b_3>", "<c_200>"]}`, as LC-Rec and LETTER train on.

    Args:
        source: A model, or what `tokenize` made.
        unique: Where several items share all tokens, number them by one more: `<d_0>`, `<d_1>`.
        kind: Of a model: its semantic tokens, or its collaborative ones.

    Example:
        >>> index = tessera.interchange.token_index(model)
        >>> len(index), len(index["S000012"])
        (150, 3)
    """
    ids, codes = _codes_of(source, kind)
    if codes.shape[1] == 0:
        raise Error(f"0 levels: the model has no {kind} tokens")
    index: dict[str, list[str]] = {}
    seen: Counter[tuple[int, ...]] = Counter()
    for item, row in zip(ids, map(tuple, codes.tolist())):
        index[item] = [f"<{_letter(level)}_{code}>" for level, code in enumerate(row)]
        if unique:
            index[item].append(f"<{_letter(len(row))}_{seen[row]}>")
            seen[row] += 1
    return index


def write_token_index(
    source: Coded, file: Path, *, unique: bool = False, kind: Kind = "semantic"
) -> None:
    """Writes `token_index` as a JSON file.

    LC-Rec's and LETTER's loaders want items by numbers from 0, and the histories beside them:
    `write_letter` writes these.

    Example:
        >>> tessera.interchange.write_token_index(model, "shop.index.json")
    """
    with open(file, "w", encoding="utf-8") as out:
        json.dump(token_index(source, unique=unique, kind=kind), out)


def write_letter(
    source: Coded, data: Dataset, folder: Path, *, unique: bool = True, kind: Kind = "semantic"
) -> None:
    """Writes what LC-Rec and LETTER train on: `folder/NAME.index.json`, `.inter.json`, `.item.json`.

    NAME is the folder's. Items go by numbers from 0, in the order of `data.item_ids`, in all three, and
    users by theirs: `NAME.item.json` holds each item's id, title and text. Whole histories are written,
    of which their loaders hold the last two events out; users with fewer than three are left out, as
    they have nothing to hold out.

    Args:
        source: A model of the dataset, or what `tokenize` made of its items.
        unique: One more token where several items share all others: their training needs it.

    Example:
        >>> tessera.interchange.write_letter(model, data, "letter/Shop")
        >>> index = json.load(open("letter/Shop/Shop.index.json"))
        >>> inters = json.load(open("letter/Shop/Shop.inter.json"))
        >>> all(str(item) in index for items in inters.values() for item in items)
        True
    """
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(os.path.abspath(folder))
    index = _by_number(token_index(source, unique=unique, kind=kind), data)
    inters = {}
    for number in range(len(data.user_ids)):
        begin, end = data.offsets[number : number + 2].tolist()
        if end - begin >= 3:
            inters[str(number)] = data.events[begin:end].tolist()
    items = {
        str(number): {"id": item, "title": title, "description": text}
        for number, (item, title, text) in enumerate(zip(data.item_ids, data.titles, data.texts))
    }
    for what, content in ("index", index), ("inter", inters), ("item", items):
        with open(os.path.join(folder, f"{name}.{what}.json"), "w", encoding="utf-8") as out:
            json.dump(content, out)


def write_recboard(source: Coded, data: Dataset, file: Path, *, kind: Kind = "semantic") -> None:
    """Writes RecBoard's vocabulary, `sid_vocab.json`: `{"item_0": ["<sid_0_12>", "<sid_1_3>"]}`.

    Items go by their number in `data.item_ids`. RecBoard itself tells items of one tuple apart.

    Example:
        >>> tessera.interchange.write_recboard(model, data, "sid_vocab.json")
        >>> json.load(open("sid_vocab.json"))["item_0"][0].startswith("<sid_0_")
        True
    """
    numbered = _by_number(dict(zip(*_codes_of(source, kind))), data)
    vocabulary = {
        f"item_{number}": [f"<sid_{level}_{code}>" for level, code in enumerate(row.tolist())]
        for number, row in numbered.items()
    }
    with open(file, "w", encoding="utf-8") as out:
        json.dump(vocabulary, out)


def write_grid(source: Coded, data: Dataset, file: Path, *, kind: Kind = "semantic") -> None:
    """Writes the tensor that GRID reads: whole numbers [levels, items], items as in `data.item_ids`.

    A name that ends in `.pt` is written by PyTorch, which must be installed; `.npy` by NumPy.

    Example:
        >>> tessera.interchange.write_grid(model, data, "sids.npy")
        >>> np.load("sids.npy").shape
        (3, 150)
    """
    numbered = _by_number(dict(zip(*_codes_of(source, kind))), data)
    tensor = np.stack([numbered[str(item)] for item in range(len(numbered))]).T.astype(np.int64)
    if os.fspath(file).endswith(".pt"):
        import torch

        torch.save(torch.from_numpy(np.ascontiguousarray(tensor)), file)
    else:
        np.save(file, np.ascontiguousarray(tensor))


def write_sequences(
    source: Coded, data: Dataset, folder: Path, *, unique: bool = True, kind: Kind = "semantic"
) -> None:
    """Writes what a TIGER-like model trains on: `train.jsonl`, `validation.jsonl` and `test.jsonl`.

    A line is `{"user", "history": [[codes], …], "target": [codes], "item": id}`. Training has a line for
    each event after the first that training may see; the others a line for each user they evaluate.

    Example:
        >>> tessera.interchange.write_sequences(model, data, "sequences")
        >>> line = json.loads(open("sequences/test.jsonl").readline())
        >>> line["item"] == data.targets("test")[line["user"]]
        True
    """
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    ids, codes = _codes_of(source, kind)
    tuples = dict(zip(ids, codes.tolist()))
    if unique:
        seen: Counter[tuple[int, ...]] = Counter()
        for row in tuples.values():
            place = seen[tuple(row)]
            seen[tuple(row)] += 1
            row.append(place)

    def line(user: str, history: list[str], item: str) -> str:
        codes_of = [tuples[one] for one in history]
        return json.dumps({"user": user, "history": codes_of, "target": tuples[item], "item": item}) + "\n"

    with _lines(folder, "train.jsonl") as out:
        for user, history in data.histories("validation").items():
            for place in range(1, len(history)):
                out.write(line(user, history[:place], history[place]))
    for split in "validation", "test":
        targets = data.targets(split)
        with _lines(folder, f"{split}.jsonl") as out:
            for user, history in data.histories(split).items():
                out.write(line(user, history, targets[user]))


def read_codes(file: Path, *, layout: Literal["items", "levels"] | None = None) -> tuple[list[str], np.ndarray]:
    """Reads other programs' semantic IDs: (item ids, int32 [items, levels]).

    A JSON index of LC-Rec or LETTER (`{"0": ["<a_1>", …]}`), RecBoard's vocabulary (`{"item_0":
    ["<sid_0_1>", …]}`), a `.npy` array or a `.pt` tensor, whose items are called by their numbers. Where
    rows are of different lengths, as of a token that only some items need, shorter ones end in -1.

    Args:
        layout: Of an array: [items, levels], or [levels, items] as GRID has it. None: the longer side
            are the items.

    Example:
        >>> tessera.interchange.write_token_index(model, "shop.index.json")
        >>> ids, codes = tessera.interchange.read_codes("shop.index.json")
        >>> bool((codes == model.tokens(ids)).all())
        True
    """
    path = os.fspath(file)
    if path.endswith((".npy", ".pt")):
        if path.endswith(".pt"):
            import torch

            array = torch.load(path, weights_only=True).numpy()
        else:
            array = np.load(path)
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise Error(f"{path}: holds {array.dtype} {array.shape}; whole numbers of two dimensions are needed")
        if layout == "levels" or (layout is None and array.shape[0] < array.shape[1]):
            array = array.T
        return [str(i) for i in range(len(array))], np.ascontiguousarray(array, dtype=np.int32)
    with open(path, encoding="utf-8") as stream:
        index = json.load(stream)
    if not isinstance(index, dict) or not index:
        raise Error(f"{path}: an object item → tokens is needed")
    rows = []
    for item, tokens in index.items():
        found = [re.fullmatch(r"<(?:[a-z]+|sid_(?:\d+|c))_(\d+)>", str(token)) for token in tokens]
        if not all(found):
            raise Error(f"{path}: item '{item}' has the tokens {tokens}; <a_12> or <sid_0_12> are known")
        rows.append([int(match[1]) for match in found if match])
    codes = np.full((len(rows), max(map(len, rows))), -1, np.int32)
    for row, found_codes in zip(codes, rows):
        row[: len(found_codes)] = found_codes
    ids = [re.sub(r"^item_(?=\d+$)", "", item) for item in index]
    return ids, codes


def _codes_of(source: Coded, kind: Kind) -> tuple[list[str], np.ndarray]:
    if isinstance(source, Tokens):
        return source.ids, source.codes
    if kind not in ("semantic", "collaborative"):
        raise UsageError(f"kind = {kind!r}: codes are semantic or collaborative; ID tokens are vectors, see model.tokens")
    return source.item_ids, source.tokens(kind=kind)


def _by_number(of: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
    """What belongs to item ids, by the numbers from 0 of the dataset's items."""
    missing = next((item for item in data.item_ids if item not in of), None)
    if missing is not None:
        raise Error(f"item '{missing}' of the dataset has no codes: tokenize the same items")
    return {str(number): of[item] for number, item in enumerate(data.item_ids)}


def _letter(level: int) -> str:
    """a, b, …, z, aa, ab, …"""
    letters = ""
    level += 1
    while level > 0:
        level, place = divmod(level - 1, 26)
        letters = chr(ord("a") + place) + letters
    return letters


def faiss_index(model: Model) -> tuple[Any, np.ndarray]:
    """A `faiss.IndexFlatIP` of the item vectors, and the item id of each of its rows [n].

    Search it with `model.states(histories)`: its inner products are the model's scores. (It knows
    nothing of histories: leave out the items yourself.)

    Example:
        >>> index, items = tessera.interchange.faiss_index(model)
        >>> scores, rows = index.search(model.states([["S000012"]]), 5)
        >>> items[rows[0]].shape
        (5,)
    """
    import faiss

    index = faiss.IndexFlatIP(model.width)
    index.add(model.vectors())
    return index, np.array(model.item_ids, dtype=object)


def _plain(text: str) -> str:
    line = " ".join(text.split())
    return "“" + line[1:] if line.startswith('"') else line


def _lines(folder: str, name: str):
    path = os.path.join(folder, name)
    return open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n")


def write_recommendations(
    path: Path, users: Sequence[str], many: ManyRecommendations
) -> None:
    """Writes the lists of `recommend_many` as a table: user, place (from 1), item, score.

    Args:
        path: FILE.parquet (needs pyarrow), FILE.csv or FILE.jsonl.
        users: Whose they are, one for each history.

    Example:
        >>> users = data.user_ids[:3]
        >>> many = model.recommend_many([data.history(user) for user in users], k=2)
        >>> tessera.interchange.write_recommendations("lists.csv", users, many)
        >>> open("lists.csv").readline()
        'user,place,item,score\\n'
    """
    if len(users) != len(many.items):
        raise UsageError(
            f"{len(users)} users for {len(many.items)} lists: give one each"
        )
    rows = [
        (str(user), place + 1, item, float(score))
        for user, items, scores in zip(users, many.items, many.scores)
        for place, (item, score) in enumerate(zip(items, scores))
        if item is not None
    ]
    names = ("user", "place", "item", "score")
    folder, file = os.path.split(os.path.abspath(os.fspath(path)))
    part = f".{file}.part"  # readers see the old file or the whole new one
    if file.endswith(".parquet"):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise Error(f"{path}: Parquet needs pyarrow: pip install pyarrow") from None
        columns = list(zip(*rows)) or [()] * len(names)
        types = (pyarrow.string(), pyarrow.int32(), pyarrow.string(), pyarrow.float32())
        arrays = [pyarrow.array(column, type) for column, type in zip(columns, types)]
        pyarrow.parquet.write_table(
            pyarrow.table(arrays, names=names), os.path.join(folder, part)
        )
    elif file.endswith(".csv"):
        with _lines(folder, part) as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(names)
            table.writerows(rows)
    elif file.endswith(".jsonl"):
        with _lines(folder, part) as out:
            for row in rows:
                out.write(json.dumps(dict(zip(names, row)), ensure_ascii=False) + "\n")
    else:
        raise UsageError(f"{path}: give FILE.parquet, FILE.csv or FILE.jsonl")
    os.replace(os.path.join(folder, part), os.path.join(folder, file))
