"""Trained models in memory."""

from __future__ import annotations

import json
import os
import pickle
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Mapping, Sequence

import numpy as np

from . import _engine, _tables
from ._dataset import Dataset, Path
from ._errors import UsageError
from ._lists import (
    Ids, ManyRecommendations, Recommendations, RecommendedVectors, Wanted, histories_of, json_of, objects, texts_of, warn_of,
)  # fmt: skip

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._training import EvaluateOptions

Kind = Literal["semantic", "collaborative"]
Source = Literal["trending", "popular", "newest"]


class Model:
    """A trained model with its search index. Several threads may use it at once.

    Args:
        path: The bundle that `fit` or `tessera train` wrote.

    A model is pickled by the path of its bundle. It does not survive a fork: open it in the child.

    Example:
        >>> model = tessera.Model("model")
        >>> model
        Model('model': 150 items)
    """

    def __init__(self, path: Path) -> None:
        self.path: str = os.fspath(path)
        self._model = _engine.Model(self.path)

    def __reduce__(self):
        if self._model.live_items:
            raise pickle.PicklingError(
                f"{self._model.live_items} items were put into this model in memory, which the path "
                "of its bundle does not carry: pickle the path and put them again"
            )
        return Model, (os.path.abspath(self.path),)

    def __repr__(self) -> str:
        live = self._model.live_items
        more = f", {live} of them put" if live else ""
        return f"Model({self.path!r}: {len(self.item_ids)} items{more})"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The bundle's `config.json`: settings, data, metrics at save.

        Example:
            >>> model.config["items"]
            150
        """
        return json.loads(self._model.config)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting the model was trained with.

        Example:
            >>> model.settings["tokens"]
            'unified'
        """
        return self.config["settings"]

    @property
    def training(self) -> list[dict[str, Any]]:
        """The bundle's `training.jsonl`: losses, validation metrics and seconds of each epoch.

        Example:
            >>> [line["epoch"] for line in model.training]
            [1, 2]
        """
        with open(os.path.join(self.path, "training.jsonl"), encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    @property
    def item_ids(self) -> list[str]:
        """Ids of the items that can be recommended: the catalogue's by number, then added ones.

        Example:
            >>> len(model.item_ids)
            150
        """
        return self._model.item_ids

    @property
    def titles(self) -> list[str]:
        """Titles, in the order of `item_ids`.

        Example:
            >>> len(model.titles)
            150
        """
        return self._model.titles

    @property
    def levels(self) -> int:
        """Semantic tokens of an item, one a level; 0 for a model of ID tokens alone.

        Example:
            >>> model.levels
            3
        """
        return self._model.levels

    @property
    def collaborative_tokens(self) -> int:
        """Collaborative tokens of an item; 0 where the recipe has none.

        Example:
            >>> model.collaborative_tokens
            0
        """
        return self._model.collaborative_tokens

    @property
    def width(self) -> int:
        """Width of item vectors and states.

        Example:
            >>> model.width == model.vectors().shape[1]
            True
        """
        return self._model.width

    def recommend(
        self,
        history: Ids,
        k: int = 10,
        *,
        repeats: bool = False,
        skip_unknown: bool = False,
        filter: Wanted = None,
        rules: Mapping[str, Any] | None = None,
        blend: float | Mapping[str, Any] | None = None,
        vectors: bool = False,
    ) -> Recommendations:
        """The k best items after one history.

        Args:
            history: Item ids, oldest first; the last `settings["max_length"]` count.
            k: From 1 to 10,000.
            repeats: Items of the history may come again.
            skip_unknown: Pass over items that the model does not know, which are refused otherwise.
            filter: Only items whose attributes pass, in words ("in_stock and price < 20") or as a dict:
                docs/filters.md. The list is exact.
            rules: What changes the order, as a dict: boosts, caps, pinned items, diversity and others
                of docs/filters.md.
            blend: What short histories' lists are blended with: the share of what trends, from 0 to
                1, or `{"share": 0.5, "events": 2, "from": "trending"}`: docs/filters.md. Scores stay
                the model's.
            vectors: Return `RecommendedVectors`, with the items' vectors and the user's state.

        Returns:
            `Recommendations` [k], shorter where the catalogue leaves fewer.

        Example:
            >>> items, scores = model.recommend(["S000012", "S000100"], k=5)
            >>> items.shape, "S000012" in items
            ((5,), False)
            >>> top = model.fall_back(1, "popular")
            >>> items, _ = model.recommend(["S000012"], blend={"share": 1, "from": "popular"})
            >>> items[0] == top[0]
            True
        """
        items, scores = self._model.recommend(
            _tables.ids(history, "history"),
            k,
            repeats,
            skip_unknown,
            json_of(filter),
            json_of(rules),
            json_of(blend),
        )
        if not vectors:
            return Recommendations(objects(items, scores.shape), scores)
        found = RecommendedVectors(objects(items, scores.shape), scores)
        found.vectors = self._model.vectors(items)
        found.state = self.states([history], skip_unknown=skip_unknown)[0]
        return found

    def score(self, history: Ids, items: Ids, *, skip_unknown: bool = False) -> np.ndarray:
        """float32 [n]: what these items score after a history, as `recommend` orders them.

        For candidates that came from elsewhere, and for a second stage that ranks again.

        Args:
            history: Item ids, oldest first.
            items: n item ids, in any order, those of the history included.
            skip_unknown: Pass over items of the history that the model does not know.

        Example:
            >>> items, scores = model.recommend(["S000012"], k=5)
            >>> bool(np.allclose(model.score(["S000012"], items), scores, atol=1e-5))
            True
        """
        return self._model.score(
            _tables.ids(history, "history"), _tables.ids(items, "items"), skip_unknown
        )

    def recommend_many(
        self,
        histories: Sequence[Ids],
        k: int = 10,
        *,
        repeats: bool = False,
        skip_unknown: bool = False,
        filter: Wanted = None,
        rules: Mapping[str, Any] | None = None,
        blend: float | Mapping[str, Any] | None = None,
        threads: int = 0,
    ) -> ManyRecommendations:
        """The k best items after each of many histories, by all threads.

        Args:
            histories: n lists of item ids, or a column of lists of pyarrow, polars or pandas; they
                may differ in length.
            skip_unknown: Pass over items that the model does not know.
            filter, rules, blend: As of `recommend`, the same for all.

        Returns:
            `ManyRecommendations` [n, k]. A history that is empty or names an unknown item gets no
            list, and leaves the others theirs: `unanswered` says why.

        Warns:
            UserWarning: If there are such histories.

        Example:
            >>> many = [data.history(user) for user in data.user_ids[:4]]
            >>> model.recommend_many(many, k=5).items.shape
            (4, 5)
        """
        items, scores, unanswered = self._model.recommend_many(
            histories_of(histories),
            k,
            repeats,
            skip_unknown,
            json_of(filter),
            json_of(rules),
            json_of(blend),
            threads,
        )
        warn_of(unanswered, len(scores), "list")
        many = ManyRecommendations(objects(items, scores.shape), scores)
        many.unanswered = unanswered
        return many

    def states(
        self, histories: Sequence[Ids], *, skip_unknown: bool = False, threads: int = 0
    ) -> np.ndarray:
        """float32 [n, width]: the user state after each history, as `recommend_many` takes them.

        The score of an item is the inner product of the state and the item's vector. A history that
        is empty or names an unknown item has a row of NaN, of which a UserWarning tells.

        Example:
            >>> score = model.states([["S000012"]])[0] @ model.vectors(["S000100"])[0]
            >>> bool(np.isfinite(score))
            True
        """
        states, unanswered = self._model.states(histories_of(histories), skip_unknown, threads)
        warn_of(unanswered, len(states), "state")
        return states

    def similar_histories(
        self,
        history: Ids,
        others: Sequence[Ids],
        k: int = 10,
        *,
        skip_unknown: bool = False,
        threads: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Users like this one: the places in `others` of the k histories whose states are most like
        that after `history`, and their cosines, the largest first. Of equal ones the earlier comes
        first; those that have no state (see `states`) are left out.

        Example:
            >>> places, cosines = model.similar_histories(["S000012"], [["S000100"], ["S000012"]])
            >>> places.tolist(), round(float(cosines[0]), 3)
            ([1, 0], 1.0)
        """
        cosines, unanswered = self._model.likeness(
            _tables.ids(history, "history"), histories_of(others), skip_unknown, threads
        )
        warn_of(unanswered, len(cosines), "state")
        order = np.argsort(-cosines, kind="stable")
        places = order[~np.isnan(cosines[order])][:k]
        return places, cosines[places]

    def tokens(
        self, items: Ids | None = None, *, kind: Kind | Literal["id"] = "semantic"
    ) -> np.ndarray:
        """int32 [n, levels]: the semantic tokens of items, one code a level. A copy.

        Args:
            items: Item ids; None: all of `item_ids`.
            kind: "semantic"; "collaborative": then [n, collaborative_tokens]; or "id": float32
                [n, dims], for an ID token is a vector of the item alone and no code.

        Example:
            >>> model.tokens().shape, model.tokens(kind="collaborative").shape
            ((150, 3), (150, 0))
            >>> ids = model.tokens(kind="id")
            >>> bool((ids == model.vectors()[:, model.width - ids.shape[1]:]).all())
            True
        """
        return self._model.tokens(None if items is None else _tables.ids(items, "items"), kind)

    def vectors(self, items: Ids | None = None) -> np.ndarray:
        """float32 [n, width]: item vectors, [semantic ‖ collaborative ‖ ID token]. A copy.

        Args:
            items: Item ids; None: all of `item_ids`.

        Example:
            >>> model.vectors(["S000012"]).shape == (1, model.width)
            True
        """
        return self._model.vectors(None if items is None else _tables.ids(items, "items"))

    @property
    def codebooks(self) -> list[np.ndarray]:
        """float32 [codebook_size, semantic_dims] for each level: views of the model's memory.

        Example:
            >>> [book.shape for book in model.codebooks]
            [(16, 16), (16, 16), (16, 16)]
        """
        return [self._model.codebook("semantic", level) for level in range(self.levels)]

    @property
    def collaborative_codebooks(self) -> list[np.ndarray]:
        """float32 [codebook_size, dims] for each collaborative token: views of the model's memory.

        Side by side, the vectors of an item's collaborative tokens stand in its item vector behind
        the semantic part.

        Example:
            >>> model.collaborative_codebooks
            []
        """
        return [
            self._model.codebook("collaborative", part) for part in range(self.collaborative_tokens)
        ]

    def statistics(self) -> dict[str, Any]:
        """How well the codebooks are used, and what the catalogue costs: `tessera tokens --json`.

        The semantic codes stand on their own, and under `collaborative` and `id` the other tokens
        that the model has.

        Example:
            >>> len(model.statistics()["activation"])
            3
            >>> sorted(model.statistics()["id"])
            ['dims', 'mean_length', 'untaught_share']
        """
        return json.loads(self._model.statistics())

    def popular(self, k: int = 10, *, filter: Wanted = None) -> list[str]:
        """The items with the most events in training: `fall_back(k, "popular")`.

        Example:
            >>> len(model.popular(k=3))
            3
        """
        return self.fall_back(k, "popular", filter=filter)

    def fall_back(
        self,
        k: int = 10,
        order: Source | Sequence[Source] | Literal["mixed"] = "popular",
        *,
        trending: Ids = (),
        filter: Wanted = None,
    ) -> list[str]:
        """Items for whoever has no history.

        Args:
            order: Where they come from, one source after the other: "trending", "popular" (the most
                events in training), "newest" (put last, then the latest by the first attribute of
                type time); "mixed": an item of each in turn.
            trending: Items touched most of late, the most first; none: those of training, where
                the dataset had times.
            filter: Only items whose attributes pass.

        Example:
            >>> model.fall_back(2, ["trending", "popular"], trending=["S000012"])[0]
            'S000012'
        """
        words = [order] if isinstance(order, str) else list(order)
        items, _ = self._model.fall_back(
            k, words, _tables.ids(trending, "trending"), json_of(filter)
        )
        return items

    @property
    def attributes(self) -> dict[str, str]:
        """What items may have beside their text, and its type: labels, number, bool or time.
        `prepare(attributes=…)` names them.

        Example:
            >>> model.attributes["price"], model.attributes["brand"]
            ('number', 'labels')
        """
        return self._model.attributes()

    def attributes_of(self, items: Ids | None = None) -> dict[str, list]:
        """What each attribute holds for these items, or for all in the order of `item_ids`: None,
        True or False, a number (of a time: unix seconds) or a list of labels.

        Example:
            >>> model.attributes_of(["S000012", "S000007"])["in_stock"]
            [..., ...]
        """
        return self._model.attributes_of(None if items is None else _tables.ids(items, "items"))

    def set_attributes(self, item: str | int, **values: Any) -> None:
        """Changes attributes of an item for as long as the model lives; None takes one away. Lists
        that are asked for afterwards see it.

        Example:
            >>> model.set_attributes("S000012", price=4.5)
            >>> model.attributes_of(["S000012"])["price"]
            [4.5]
        """
        self._model.set_attributes(item, json.dumps(values))

    def similar(
        self,
        liked: str | int | Ids = (),
        k: int = 10,
        *,
        disliked: Ids = (),
        text: str = "",
        filter: Wanted = None,
    ) -> Recommendations:
        """The items whose vectors have the largest cosine with this one's; scores are cosines.

        Args:
            liked: An item, or several: then cosines are with the mean of their directions.
            disliked: Items to be unlike: they count half as much as what is liked.
            text: To be like an item of this text, which nobody need know.
            filter: Only items whose attributes pass.

        Example:
            >>> items, cosines = model.similar("S000012", k=3)
            >>> items.shape
            (3,)
            >>> model.similar(["S000012", "S000100"], k=2, disliked=["S000001"]).items.shape
            (2,)
            >>> model.similar(text=data.texts[0], k=2).items.shape
            (2,)
        """
        likes = (
            [liked] if isinstance(liked, (str, int)) else _tables.ids(liked, "liked")
        )
        items, scores = self._model.similar(
            likes, _tables.ids(disliked, "disliked"), text, k, json_of(filter)
        )
        return Recommendations(objects(items, scores.shape), scores)

    def explain(
        self,
        history: Ids,
        item: str | int,
        *,
        rules: Mapping[str, Any] | None = None,
        k: int = 10,
        filter: Wanted = None,
    ) -> dict[str, Any]:
        """Why an item scores as it does: parts of the score by token and by event.

        Args:
            rules: As of `recommend`: then `rules` of the answer says what each does to the item.
            k, filter: Of the list whose places are told.

        Returns:
            `score`; `tokens` (one a level), `collaborative` (one a collaborative token) and
            `id_token`, which add up to it; and `history`, for each event that counts how far the
            score would fall without it. With rules `rules`: `score` with what the `parts` add,
            `place` in the list and `place_without`, and what else happened to the item.

        Example:
            >>> why = model.explain(["S000012", "S000100"], "S000001")
            >>> parts = sum(why["tokens"]) + sum(why["collaborative"]) + why["id_token"]
            >>> bool(np.isclose(parts, why["score"], atol=1e-5))
            True
            >>> boost = {"boosts": [{"add": 2.5}]}
            >>> model.explain(["S000012"], "S000001", rules=boost)["rules"]["parts"]
            {'boosts[0]': 2.5}
        """
        return json.loads(
            self._model.explain(
                _tables.ids(history, "history"),
                item,
                k,
                json_of(filter),
                json_of(rules),
            )
        )

    def map(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The catalogue in its principal plane, to be plotted.

        Returns:
            Item ids [n]; their places, float32 [n, 2]; the codes of the first level, int32 [n]
            (-1 without semantic tokens).

        Example:
            >>> items, places, codes = model.map()
            >>> places.shape, codes.shape
            ((150, 2), (150,))
        """
        return self._model.map()

    def put_items(
        self,
        ids: Ids,
        texts: Sequence[str] | None = None,
        *,
        embeddings: Any = None,
        titles: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Puts items by their texts, without training: they are recommendable at once.

        As with `tessera serve`, a new item's semantic and collaborative tokens come from its text
        and its ID token is what the bundle has for new ones; an item of the catalogue gets the
        semantic tokens of its new text and keeps what it learned. All are put, or none. They live
        in this object: the bundle on disk stays as it is.

        Args:
            ids: n item ids.
            texts: n texts, read by the encoder in the bundle.
            embeddings: In place of texts: floats [n, dims] of the encoder that made the dataset's.
            titles: n titles (default: the texts, or the ids).

        Returns:
            int32 [n, levels]: their semantic tokens, as `tokens` gives them from now on.

        Example:
            >>> model = tessera.Model("model")
            >>> model.put_items(["new"], [data.texts[0]]).shape
            (1, 3)
            >>> "new" in model.item_ids
            True
        """
        names = [str(name) for name in _tables.ids(ids, "ids")]
        if (texts is None) == (embeddings is None):
            raise UsageError("give texts or embeddings, one of them")
        rows = None if embeddings is None else _tables.matrix(embeddings, "embeddings")
        words = [] if texts is None else texts_of(texts, "texts")
        called = texts_of(titles, "titles") if titles is not None else words or names
        for what, count in ("texts or embeddings", len(words) if rows is None else len(rows)), (
            "titles", len(called)
        ):  # fmt: skip
            if count != len(names):
                raise UsageError(f"{count} {what} for {len(names)} ids: give one each")
        return self._model.put_items(names, called, words, rows)

    def erase_items(self, ids: Ids) -> None:
        """Erases items: they are no longer recommended, nor known in histories.

        Example:
            >>> model = tessera.Model("model")
            >>> model.erase_items(["S000012"])
            >>> "S000012" in model.item_ids
            False
        """
        self._model.erase_items(_tables.ids(ids, "ids"))

    def add_items(self, ids: Ids, texts: Sequence[str] | None = None, **more: Any) -> np.ndarray:
        """`put_items`, as it was called once.

        Example:
            >>> model = tessera.Model("model")
            >>> bool((model.add_items(["new"], [data.texts[0]]) == model.tokens(["new"])).all())
            True
        """
        return self.put_items(ids, texts, **more)

    def remove_items(self, ids: Ids) -> None:
        """`erase_items`, as it was called once.

        Example:
            >>> model = tessera.Model("model")
            >>> model.remove_items(["S000012"])
            >>> len(model.item_ids)
            149
        """
        self.erase_items(ids)

    def evaluate(
        self, data: Dataset | Path, **options: Unpack[EvaluateOptions]
    ) -> dict[str, Any]:
        """`tessera.evaluate(model, data, …)`.

        Example:
            >>> model.evaluate(data, split="validation")["users"]
            300
        """
        from ._training import evaluate

        return evaluate(self, data, **options)
