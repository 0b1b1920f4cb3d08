"""Semantic IDs of any vectors, and how healthy they are."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Literal, Sequence, Union

import numpy as np

from . import _engine, _tables
from ._dataset import Dataset, Path
from ._errors import UsageError

if TYPE_CHECKING:
    from ._lists import Ids

Quantizer = Literal["residual", "trained", "product", "opq"]
Distance = Literal["cosine", "euclidean", "unified"]
Unique = Literal["leave", "extra", "reassign"]
Sizes = Union[int, Sequence[int]]


class SemanticTokenizer:
    """Vectors → semantic IDs and back, fitted on a CPU: `tessera tokenize`, docs/tokenize.md.

    Args:
        levels: Codes of an item.
        codebook_size: Codes of each level; or a list, one number a level.
        quantizer: `residual`, k-means level by level and all codebooks solved together; `trained`,
            the residual quantizer of the paper between an encoder and a decoder; `product`, columns
            cut into parts; `opq`, the same behind a rotation.
        distance: Of residual levels; None: `unified` for `trained`, `euclidean` otherwise.
        beam: Sums that a residual quantizer keeps in sight.
        sample: Vectors that codebooks are fitted to, evenly spread.
        rounds: Of each k-means.
        updates: Of the trained quantizer, by 1,024 vectors each.
        seed: The same seed, vectors and threads give the same tokenizer.

    Example:
        >>> tokenizer = tessera.SemanticTokenizer(levels=2, codebook_size=8).fit(data.embeddings)
        >>> codes = tokenizer.encode(data.embeddings)
        >>> codes.shape, tokenizer.decode(codes).shape == data.embeddings.shape
        ((150, 2), True)
    """

    def __init__(
        self,
        levels: int = 3,
        codebook_size: Sizes = 256,
        *,
        quantizer: Quantizer = "residual",
        distance: Distance | None = None,
        beam: int = 8,
        sample: int = 100_000,
        rounds: int = 25,
        updates: int = 2000,
        seed: int = 1,
    ) -> None:
        self._options = (
            quantizer, distance or "", _sizes(levels, codebook_size), beam, sample, rounds, updates, seed,
        )  # fmt: skip
        self._tokenizer: Any = None

    def __repr__(self) -> str:
        if self._tokenizer is None:
            return "SemanticTokenizer(not fitted)"
        sizes = " × ".join(map(str, self._tokenizer.sizes))
        return f"SemanticTokenizer({self._tokenizer.quantizer}: {self._tokenizer.dims} dims, {sizes} codes)"

    @property
    def _engine(self) -> Any:
        if self._tokenizer is None:
            raise UsageError("the tokenizer is not fitted: call fit or load first")
        return self._tokenizer

    @property
    def sizes(self) -> list[int]:
        """Codes of each level.

        Example:
            >>> tessera.SemanticTokenizer(2, [8, 4]).fit(data.embeddings).sizes
            [8, 4]
        """
        return self._engine.sizes

    @property
    def codebooks(self) -> list[np.ndarray]:
        """float32 [codes, dims] of each level, in the space that codes are found in. Copies.

        Example:
            >>> [book.shape for book in tessera.SemanticTokenizer(2, 8).fit(data.embeddings).codebooks]
            [(8, 32), (8, 32)]
        """
        return [self._engine.codebook(level) for level in range(self._engine.levels)]

    def fit(self, vectors: Any, *, threads: int = 0) -> SemanticTokenizer:
        """Fits codebooks to vectors, floats [n, dims]. Returns the tokenizer itself.

        Example:
            >>> tessera.SemanticTokenizer(2, 8, quantizer="opq").fit(data.embeddings)
            SemanticTokenizer(opq: 32 dims, 8 × 8 codes)
        """
        self._tokenizer = _engine.fit_tokenizer(_tables.matrix(vectors, "vectors"), *self._options, threads)
        return self

    def encode(self, vectors: Any, *, threads: int = 0) -> np.ndarray:
        """int32 [n, levels]: the codes of vectors. What a vector gets does not depend on the others.

        Example:
            >>> tokenizer = tessera.SemanticTokenizer(2, 8).fit(data.embeddings)
            >>> tokenizer.encode(data.embeddings[:5]).shape
            (5, 2)
        """
        return self._engine.encode(_tables.matrix(vectors, "vectors"), threads)

    def decode(self, codes: Any, levels: int | None = None) -> np.ndarray:
        """float32 [n, dims]: the vectors that codes stand for; of the first `levels` alone.

        Example:
            >>> tokenizer = tessera.SemanticTokenizer(2, 8).fit(data.embeddings)
            >>> tokenizer.decode([[0, 1], [7, 7]], levels=1).shape
            (2, 32)
        """
        return self._engine.decode(_codes(codes), levels)

    def make_unique(
        self, vectors: Any, codes: Any, rule: Unique = "reassign", *, kept: Any = None
    ) -> np.ndarray:
        """Codes that no two items share.

        Args:
            vectors, codes: Of the items.
            rule: `reassign`, the nearest tuple that nobody has; `extra`, one more code that numbers the
                items of a tuple; `leave`.
            kept: Codes of items that were there before, which keep them.

        Example:
            >>> tokenizer = tessera.SemanticTokenizer(2, 16).fit(data.embeddings)
            >>> codes = tokenizer.make_unique(data.embeddings, tokenizer.encode(data.embeddings))
            >>> len({tuple(row) for row in codes.tolist()})
            150
        """
        rows = _tables.matrix(vectors, "vectors")
        return self._engine.unique(rows, _codes(codes), rule, None if kept is None else _codes(kept))[0]

    def save(self, file: Path) -> None:
        """Writes the tokenizer, one .safetensors file.

        Example:
            >>> tessera.SemanticTokenizer(2, 8).fit(data.embeddings).save("own.safetensors")
        """
        self._engine.save(os.fspath(file))

    @classmethod
    def load(cls, file: Path) -> SemanticTokenizer:
        """Reads what `save`, or `tessera tokenize`, wrote.

        Example:
            >>> tessera.SemanticTokenizer(2, 8).fit(data.embeddings).save("own.safetensors")
            >>> tessera.SemanticTokenizer.load("own.safetensors").sizes
            [8, 8]
        """
        return cls._of(_engine.load_tokenizer(os.fspath(file)))

    @classmethod
    def _of(cls, engine: Any) -> SemanticTokenizer:
        tokenizer = cls()
        tokenizer._tokenizer = engine
        return tokenizer


class Tokens:
    """Items with their semantic IDs: what `tokenize` returns and its folder holds.

    Args:
        path: A folder that `tokenize` or `tessera tokenize` wrote.

    Example:
        >>> _ = tessera.tokenize(data, "tokens", levels=2, codebook_size=8)
        >>> tessera.Tokens("tokens").codes.shape
        (150, 2)
    """

    def __init__(self, path: Path) -> None:
        self._tokens = _engine.read_tokens(os.fspath(path))

    def __repr__(self) -> str:
        return f"Tokens({len(self.ids)} items, {' × '.join(map(str, self.sizes))} codes)"

    @property
    def ids(self) -> list[str]:
        """Ids of the items.

        Example:
            >>> tessera.tokenize(data, levels=2, codebook_size=8).ids == data.item_ids
            True
        """
        return self._tokens.ids

    @property
    def titles(self) -> list[str]:
        """Their titles; empty where none were given.

        Example:
            >>> len(tessera.tokenize(data, levels=2, codebook_size=8).titles)
            150
        """
        return self._tokens.titles

    @property
    def codes(self) -> np.ndarray:
        """int32 [items, levels]; by the rule `extra` one column more.

        Example:
            >>> tessera.tokenize(data, levels=2, codebook_size=8, unique="extra").codes.shape
            (150, 3)
        """
        return self._tokens.codes()

    @property
    def sizes(self) -> list[int]:
        """How many codes each column could hold.

        Example:
            >>> tessera.tokenize(data, levels=2, codebook_size=8).sizes
            [8, 8]
        """
        return self._tokens.sizes

    @property
    def tokenizer(self) -> SemanticTokenizer:
        """What made the codes.

        Example:
            >>> tessera.tokenize(data, levels=2, codebook_size=8).tokenizer
            SemanticTokenizer(residual: 32 dims, 8 × 8 codes)
        """
        return SemanticTokenizer._of(self._tokens.tokenizer)

    @property
    def health(self) -> dict[str, Any]:
        """How well the codes do: use of each level, collisions, what is kept, warnings.

        Example:
            >>> health = tessera.tokenize(data, levels=2, codebook_size=8).health
            >>> health["levels"][0]["codes"], 0 < health["decoding"][1]["error"] < 1
            (8, True)
        """
        return json.loads(self._tokens.health)

    def compare(self, later: Tokens) -> dict[str, Any]:
        """How many items of both kept their codes, by the names that match best.

        Example:
            >>> tokens = tessera.tokenize(data, levels=2, codebook_size=8)
            >>> tokens.compare(tokens)["kept"]
            150
        """
        return json.loads(self._tokens.compare(later._tokens))


def tokenize(
    vectors: Any,
    out: Path | None = None,
    *,
    ids: Ids | None = None,
    titles: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    label: str = "",
    levels: int = 3,
    codebook_size: Sizes = 256,
    quantizer: Quantizer = "residual",
    distance: Distance | None = None,
    unique: Unique = "leave",
    earlier: Tokens | Path | None = None,
    beam: int = 8,
    sample: int = 100_000,
    rounds: int = 25,
    updates: int = 2000,
    seed: int = 1,
    threads: int = 0,
) -> Tokens:
    """Makes semantic IDs of any vectors and judges them, as `tessera tokenize` does.

    Args:
        vectors: Floats [n, dims]; a `Dataset` or its directory; a .npy, .safetensors or .jsonl file; a
            .parquet file or an Arrow table with the columns `id` and `vector` (or `embedding`), of
            lists.
        out: The folder to write; None: nothing is written.
        ids: Of the rows of an array; None: 0, 1, …
        titles: For the report.
        labels: Such as a category of each item: the report says what codes tell of it.
        label: What the labels are called.
        unique: Items with the same codes: `leave` them so; `extra`, one more code that tells them
            apart; `reassign`, the nearest tuple that nobody has.
        earlier: An earlier result, or its folder: its items keep their codes, others are encoded by
            its tokenizer.
        levels, codebook_size, quantizer, distance, beam, sample, rounds, updates, seed: As of
            `SemanticTokenizer`.

    Example:
        >>> tokens = tessera.tokenize(data, "tokens", levels=2, codebook_size=16, unique="reassign")
        >>> tokens.codes.shape, tokens.health["collisions"]["unique_share"]
        ((150, 2), 1.0)
    """
    names = [] if ids is None else [str(one) for one in _tables.ids(ids, "ids")]
    given, names = _given(vectors, names)
    before = Tokens(earlier) if isinstance(earlier, (str, os.PathLike)) else earlier
    made = Tokens.__new__(Tokens)
    made._tokens = _engine.tokenize(
        given,
        names,
        list(titles or []),
        ["" if one is None else str(one) for one in labels or []],
        label,
        "" if out is None else os.fspath(out),
        None if before is None else before._tokens,
        quantizer,
        distance or "",
        _sizes(levels, codebook_size),
        beam,
        sample,
        rounds,
        updates,
        unique,
        seed,
        threads,
    )
    return made


def health(
    codes: Any,
    sizes: Sizes | None = None,
    *,
    ids: Ids | None = None,
    titles: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    label: str = "",
    vectors: Any = None,
    tokenizer: SemanticTokenizer | None = None,
    page: Path | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Judges anybody's tokens: the report of `tokenize` for codes that are there already.

    Args:
        codes: Whole numbers [n, levels].
        sizes: How many codes each level could have; None: as many as the largest code tells.
        vectors: Of the items, where they are at hand: adds duplicates and the map, and with
            `tokenizer` what decoding keeps.
        page: An HTML file to write the report to, as one self-contained page.

    Example:
        >>> report = tessera.health(model.tokens(), 16, ids=model.item_ids, titles=model.titles)
        >>> report["items"], len(report["levels"])
        (150, 3)
    """
    rows = _codes(codes)
    if sizes is None:
        sizes = [int(most) + 1 for most in rows.max(axis=0)] if len(rows) else [1] * rows.shape[1]
    report = _engine.health(
        rows,
        _sizes(rows.shape[1], sizes),
        [] if ids is None else [str(one) for one in _tables.ids(ids, "ids")],
        list(titles or []),
        ["" if one is None else str(one) for one in labels or []],
        label,
        None if vectors is None else _tables.matrix(vectors, "vectors"),
        None if tokenizer is None else tokenizer._engine,
        seed,
    )
    if page is not None:
        with open(page, "w", encoding="utf-8") as out:
            out.write(_engine.health_page(report, os.path.basename(os.fspath(page))))
    return json.loads(report)


def _sizes(levels: int, codebook_size: Sizes) -> list[int]:
    if isinstance(codebook_size, (int, np.integer)):
        return [int(codebook_size)] * levels
    return [int(size) for size in codebook_size]


def _codes(codes: Any) -> np.ndarray:
    array = np.asarray(codes)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise TypeError(f"codes are {array.dtype} {array.shape}: give whole numbers [n, levels]")
    if array.size and (array.min() < -(2**31) or array.max() >= 2**31):
        raise ValueError("a code is beyond 32 bits")
    return np.ascontiguousarray(array, dtype=np.int32)


def _given(vectors: Any, ids: list[str]) -> tuple[Any, list[str]]:
    """A path for the engine, or rows with ids."""
    if isinstance(vectors, Dataset):
        return vectors.path, []
    if isinstance(vectors, (str, os.PathLike)):
        path = os.fspath(vectors)
        if not path.endswith(".parquet"):
            if ids:
                raise UsageError("ids belong to an array: a file has its own")
            return path, []
        import pyarrow.parquet

        vectors = pyarrow.parquet.read_table(path)
    if hasattr(vectors, "__arrow_c_stream__") and not isinstance(vectors, np.ndarray):
        return _arrow_vectors(vectors, ids)
    return _tables.matrix(vectors, "vectors"), ids


def _arrow_vectors(table: Any, ids: list[str]) -> tuple[np.ndarray, list[str]]:
    import pyarrow
    import pyarrow.compute

    table = pyarrow.table(table)
    name = next((name for name in ("vector", "embedding") if name in table.column_names), None)
    if name is None:
        raise UsageError(f"the table has the columns {table.column_names}: it needs 'vector' or 'embedding'")
    column = table.column(name).combine_chunks()
    if column.null_count:
        raise ValueError(f"{name}: {column.null_count} rows have no vector: leave them out")
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    lengths = np.unique(pyarrow.compute.list_value_length(column).to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise ValueError(f"{name} is ragged: give vectors of one length")
    rows = flat.reshape(len(column), -1) if len(column) else flat.reshape(0, 0)
    for key in ("id", "item", "item_id"):
        if not ids and key in table.column_names:
            ids = [str(one) for one in table.column(key).to_pylist()]
    return np.ascontiguousarray(rows), ids
