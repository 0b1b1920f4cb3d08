"""To other tools and back: RecBole's atomic files, token indices, faiss, experiment trackers.

Lists go out as Parquet, CSV or JSON lines. RecBole's files are read by `tessera.prepare(folder, out, format="recbole")`.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from typing import Any, Mapping, Sequence

import numpy as np

from ._dataset import Dataset, Path
from ._errors import Error, UsageError
from ._lists import ManyRecommendations
from ._model import Model
from ._training import Epoch


def write_recbole(data: Dataset, folder: Path) -> None:
    """Writes a dataset as RecBole's atomic files, `folder/NAME.inter` and `NAME.item`.

    NAME is the folder's, as RecBole wants it. Times are written where all are known. Tabs and line
    ends inside texts become blanks, as these files cannot hold them; an id with a tab is refused.
    The split does not go along: RecBole has its own. What `prepare` made comes back as it was, if
    prepared with the same seed.

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
            if "\t" in text:
                raise Error(f"{what} '{text}' holds a tab, which RecBole's files cannot")
    items = data.item_ids
    timed = len(data.times) > 0 and bool((data.times >= 0).all())
    with _lines(folder, f"{name}.inter") as out:
        out.write("user_id:token\titem_id:token" + ("\ttimestamp:float\n" if timed else "\n"))
        for number, user in enumerate(data.user_ids):
            begin, end = data.offsets[number : number + 2]
            times = data.times[begin:end].tolist() if timed else None
            for i, item in enumerate(data.events[begin:end].tolist()):
                out.write(f"{user}\t{items[item]}" + (f"\t{times[i]}\n" if times else "\n"))
    with _lines(folder, f"{name}.item") as out:
        out.write("item_id:token\ttitle:token_seq\ttext:token_seq\n")
        for item, title, text in zip(items, data.titles, data.texts):
            out.write(f"{item}\t{_plain(title)}\t{_plain(text)}\n")


def token_index(model: Model, *, unique: bool = False) -> dict[str, list[str]]:
    """Item id → tokens, `{"12": ["<a_12>", "<b_3>", "<c_200>"]}`, as LC-Rec and LETTER train on.

    Args:
        unique: Where several items share all tokens, number them by one more: `<d_0>`, `<d_1>`.

    Example:
        >>> index = tessera.interchange.token_index(model)
        >>> len(index), len(index["S000012"])
        (150, 3)
    """
    if not 0 < model.levels < 26:
        raise Error(f"{model.levels} levels: a token index needs 1 to 25")
    letters = "abcdefghijklmnopqrstuvwxyz"
    index: dict[str, list[str]] = {}
    seen: Counter[tuple[int, ...]] = Counter()
    for item, codes in zip(model.item_ids, map(tuple, model.tokens().tolist())):
        index[item] = [f"<{letters[level]}_{code}>" for level, code in enumerate(codes)]
        if unique:
            index[item].append(f"<{letters[model.levels]}_{seen[codes]}>")
            seen[codes] += 1
    return index


def write_token_index(model: Model, file: Path, *, unique: bool = False) -> None:
    """Writes `token_index` as a JSON file, an `index.json` of LC-Rec and LETTER.

    Example:
        >>> tessera.interchange.write_token_index(model, "shop.index.json")
    """
    with open(file, "w", encoding="utf-8") as out:
        json.dump(token_index(model, unique=unique), out)


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


def tracker_metrics(figures: Epoch | Mapping[str, Any]) -> dict[str, float]:
    """Figures by names that experiment trackers take: MLflow refuses the @ of `HR@10`.

    Args:
        figures: An `Epoch`, as callbacks get it, or a report of `evaluate`.

    Returns:
        Name → value, `HR_at_10` and so on, of an epoch also `loss`; without what was not measured.
        In a callback: `mlflow.log_metrics(tracker_metrics(epoch), step=epoch.epoch)`.

    Example:
        >>> sorted(tessera.interchange.tracker_metrics(model.evaluate(data)))[:2]
        ['HR_at_1', 'HR_at_10']
    """
    epoch = isinstance(figures, Epoch)
    values = (
        {"loss": figures.loss, **figures.validation} if epoch else figures["metrics"]
    )
    return {
        name.replace("@", "_at_"): value
        for name, value in values.items()
        if value == value
    }


def _plain(text: str) -> str:
    return " ".join(text.split())


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
    if file.endswith(".parquet"):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise Error(f"{path}: Parquet needs pyarrow: pip install pyarrow") from None
        columns = list(zip(*rows)) or [()] * len(names)
        types = (pyarrow.string(), pyarrow.int32(), pyarrow.string(), pyarrow.float32())
        arrays = [pyarrow.array(column, type) for column, type in zip(columns, types)]
        whole = os.path.join(folder, f".{file}.part")
        pyarrow.parquet.write_table(pyarrow.table(arrays, names=names), whole)
        os.replace(whole, os.path.join(folder, file))
        return
    if not file.endswith((".csv", ".jsonl")):
        raise UsageError(f"{path}: give FILE.parquet, FILE.csv or FILE.jsonl")
    with _lines(folder, file) as out:
        if file.endswith(".jsonl"):
            for row in rows:
                out.write(json.dumps(dict(zip(names, row)), ensure_ascii=False) + "\n")
            return
        table = csv.writer(out, lineterminator="\n")
        table.writerow(names)
        table.writerows(rows)
