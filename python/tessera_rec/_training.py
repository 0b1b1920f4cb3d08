"""Training and evaluation."""

from __future__ import annotations

import inspect
import json
import os
import warnings
from typing import (
    TYPE_CHECKING, Any, Callable, Iterable, Literal, Mapping, NamedTuple, Sequence, TypedDict, Union,
)  # fmt: skip

from . import _engine
from ._dataset import Dataset, Path
from ._errors import UsageError
from ._model import Model
from ._predictions import systems_of
from ._progress import Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._words import Recipe, SettingChanges, SettingKeywords, Settings

METRICS: tuple[str, ...] = tuple(_engine.metrics)
"""The names of the metrics: keys of `Epoch.validation` and of a report's "metrics", words of the
setting `select`."""


class Epoch(NamedTuple):
    """What one epoch came to, as callbacks get it.

    Example:
        >>> seen = []
        >>> _ = tessera.fit(data, "model-2", epochs=1, callbacks=seen.append, progress=False, **tiny)
        >>> seen[0].epoch, seen[0].epochs, set(seen[0].validation) == set(tessera.METRICS)
        (1, 1, True)
    """

    epoch: int
    """From 1."""
    epochs: int
    """At most so many."""
    loss: float
    """Mean total loss of its steps."""
    validation: dict[str, float]
    """A value for each of `tessera.METRICS` on the validation split; NaN where none was measured."""
    train_seconds: float
    validation_seconds: float
    best: bool
    """Better than all before: the bundle holds this epoch now."""
    first_stage: bool = False
    """Of the model that `default` trains first, to find collaborative codes, and validates at its last
    epoch alone."""
    refit: bool = False
    """Of a refit, which nothing validates."""


Callback = Callable[[Epoch], Any]


def fit(
    data: Dataset | Path,
    out: Path,
    *,
    recipe: Recipe = _engine.default_recipe,
    settings: Settings | Mapping[str, Any] | None = None,
    negatives: Path | int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    refit: bool | Model | Path = False,
    warm_start: Model | Path | None = None,
    keep_tokens: bool = False,
    callbacks: Callback | Iterable[Callback] = (),
    progress: bool = True,
    threads: int = 0,
    **more: Unpack[SettingKeywords],
) -> Model:
    """Trains a model, as `tessera train` does: the same seed and data give the same bits.

    Ctrl-C (or a callback that raises) saves the state before the exception goes on; `resume=True`
    then continues to the same bits as an unbroken run. The GIL is free while C++ works.

    Args:
        data: The dataset or its directory; embedded, unless `tokens="id"` or no item has a text.
        out: The model bundle to write. The best epoch is kept as the model. A bundle that is there is
            replaced if it is of the same recipe.
        recipe: A named set of settings: `default`, `paper`; below.
        negatives: A file of negatives for validation by the sampled protocol; None: drawn by seed.
            A whole number is the setting of that name.
        resume: Go on from the checkpoint in `out`, with its settings; `epochs=` may be more than
            they were.
        overwrite: Replace a bundle of another recipe, too.
        refit: Then train on every event, held-out ones too, for as many epochs as were best: the
            model to put into service. The model that chose stays in the folder `selection` of
            `out`, to be evaluated. An earlier model or its bundle: do that alone, with its settings
            and epochs.
        warm_start: An earlier model or its bundle to go on from: items are matched by id, its
            settings stay, and a fifth of the epochs of both stages is trained. Embed `data` with
            `embed(encoder_of=…)` before.
        keep_tokens: With `warm_start`: the codes of items it knows stay as they are.
        callbacks: Called after each epoch with an `Epoch`; one that returns False ends the training.
            Epochs of the model that `default` trains first, to find collaborative codes, come with
            `first_stage`, those of a refit, which nothing validates, with `refit`; what callbacks
            return of these does not count.
        progress: Show a bar and a line an epoch, on terminals and in notebooks.
        threads: 0: every CPU allowed. Bits may depend on it.
        settings: Settings as a dict: so a file of negatives and the setting of that name go together.
        **more: Settings as keywords, `epochs=20, tokens="semantic", seed=7, …`, above those of the
            dict; below.

    Returns:
        The best model. `Error` if the training was ended before an epoch was complete.

    Example:
        >>> model = tessera.fit(data, "model", epochs=2, progress=False, **tiny)
        >>> len(model.training)
        2
    """
    changes: dict[str, Any] = {**(settings or {}), **more}
    if isinstance(negatives, int):
        changes["negatives"], negatives = negatives, None
    if resume and set(changes) - {"epochs"}:
        raise UsageError(
            "settings do not go with resume: a resumed run keeps its settings, but for epochs"
        )
    chosen_by = "" if isinstance(refit, bool) else _path_of(refit)
    if chosen_by and (changes or recipe != _engine.default_recipe):
        raise UsageError("settings do not go with refit=MODEL: it is trained as the model was")
    if warm_start is not None and (resume or recipe != _engine.default_recipe):
        raise UsageError("warm_start does not go with resume, which knows it, and recipe, which stays")
    if negatives is not None and not resume and not chosen_by:
        chosen = json.loads(_engine.settings(recipe, _assignments(changes)))
        if chosen["selection_protocol"] == "full":
            text = "negatives are not read: by selection_protocol='full' a run validates among all items"
            warnings.warn(text, UserWarning, stacklevel=2)
    listeners = [callbacks] if callable(callbacks) else list(callbacks)
    bar = Progress() if progress else None

    def on_epoch(
        part, epoch, epochs, loss, validation, train_seconds, validation_seconds, best
    ) -> bool:
        values = dict.fromkeys(METRICS, float("nan")) if validation is None else json.loads(validation)
        report = Epoch(
            epoch, epochs, loss, values, train_seconds, validation_seconds, best,
            first_stage="codes" in part, refit="refit" in part,
        )
        if bar is not None:
            bar.epoch(part, report)
        go_on = [listener(report) is not False for listener in listeners]
        return bool(part) or all(go_on)

    try:
        _engine.fit(
            _path_of(data),
            os.fspath(out),
            recipe,
            _assignments(changes),
            "" if negatives is None else os.fspath(negatives),
            resume,
            overwrite,
            bool(chosen_by) or refit is True,
            chosen_by,
            "" if warm_start is None else _path_of(warm_start),
            keep_tokens,
            threads,
            None if bar is None else bar.step,
            on_epoch,
        )
    finally:
        if bar is not None:
            bar.close()
    return Model(out)


fit.__doc__ = "\n\n".join(
    [inspect.cleandoc(fit.__doc__), f"Recipes: {_engine.recipes_help}.", _engine.settings_help()]
)


Repeats = Literal["excluded", "allowed", "published"]
Baselines = Literal["none", "fixed", "tuned"]


class EvaluateOptions(TypedDict, total=False):
    """What `evaluate` takes beside model and data, for type checkers."""

    split: Literal["test", "validation"]
    protocol: Literal["full", "sampled"]
    negatives: Union[Path, None]
    repeats: Union[bool, Repeats]
    compare: Union[Model, Path, None]
    seed: int
    baselines: Union[bool, Baselines]
    budget: int
    predictions: Any
    at: Sequence[int]
    per_user: Union[Path, None]
    threads: int


def evaluate(
    model: Model | Path | Any,
    data: Dataset | Path,
    *,
    predictions: Any = None,
    split: Literal["test", "validation"] = "test",
    protocol: Literal["full", "sampled"] = "full",
    negatives: Path | None = None,
    repeats: bool | Repeats = False,
    compare: Model | Path | None = None,
    seed: int = 1,
    baselines: bool | Baselines = False,
    budget: int = 16,
    at: Sequence[int] = (),
    per_user: Path | None = None,
    newer: bool = False,
    seen: bool = False,
    threads: int = 0,
) -> dict[str, Any]:
    """Measures a model, or anyone's predictions, on held-out events: the report of `tessera evaluate
    --json`.

    Of a model, the bundle on disk is measured, without items that were added in memory. Each look at
    the test split is noted in the bundle's `evaluations.jsonl`.

    Args:
        model: The model or its bundle; or predictions, as below.
        data: The dataset it was trained on.
        predictions: Somebody's lists or scores, beside the model or in its place; a dict of several
            systems by name. Each is a dict user → item ids, best first; an array of scores [users,
            items] or of item numbers [users, k], rows as `data.targets(split)`, columns as
            `data.item_ids`; an Arrow, pandas or polars table, or a dict of columns, with `user`,
            `item` and perhaps `score`; or a file that `tessera evaluate --predictions` reads.
        split: test or validation.
        protocol: full, among all items, or sampled, among 99 negatives.
        negatives: A file of negatives of the sampled protocol; None: drawn by `seed`.
        repeats: Items of the history: False leaves them out, as `recommend` does, so that a target
            among them is missed; True lets candidates and lists name them, as `recommend` with
            `repeats=True`; "published" leaves them out but for the target, as most papers do.
        compare: Another model: adds the paired bootstrap of the difference, by slice.
        seed: Of drawn negatives and of the bootstrap.
        baselines: Also popularity, item-kNN and sequential rules: True or "fixed", with their
            customary settings; "tuned", with the best of `budget` settings each on validation.
        budget: Settings of each baseline to try.
        at: Also HR, NDCG and MRR at these cut-offs; `at` in the report.
        per_user: A file to write every user's places to, as JSON lines.
        newer: The dataset is newer than what a model was trained on: items are matched by id, and
            users left out whose target it has seen.
        seen: Measure a refit model too, on events that it was trained on; the report says `seen`.

    Returns:
        A dict with `users`, `metrics`, `interval`, `tokens`, `slices`, on the full protocol
        `beyond_accuracy` and, as asked for, `baselines`, `difference` and `compared`; of predictions
        `stated`, the protocol in words, `traps`, `systems` and `differences`: docs/evaluation.md
        has every key.

    Example:
        >>> report = tessera.evaluate(model, data)
        >>> 0 <= report["metrics"]["NDCG@10"] <= report["metrics"]["HR@10"] <= 1
        True
        >>> lists = {user: model.recommend(history, k=20).items
        ...          for user, history in data.histories("test").items()}
        >>> tessera.evaluate(lists, data)["metrics"]["HR@10"] == report["metrics"]["HR@10"]
        True
    """
    if not _is_model(model):
        if predictions is not None:
            raise UsageError("predictions are given twice: give one of them by name")
        model, predictions = "", model
    files, systems = systems_of(predictions)
    words = {
        "model": _path_of(model),
        "data": _path_of(data),
        "split": split,
        "protocol": protocol,
        "negatives": "" if negatives is None else os.fspath(negatives),
        "repeats": repeats if isinstance(repeats, str) else "allowed" if repeats else "excluded",
        "compare": "" if compare is None else _path_of(compare),
        "seed": seed,
        "baselines": baselines if isinstance(baselines, str) else "fixed" if baselines else "none",
        "budget": budget,
        "newer": newer,
        "seen": seen,
        "at": [int(cut) for cut in at],
        "per_user": "" if per_user is None else os.fspath(per_user),
        "files": files,
        "systems": systems,
    }
    return json.loads(_engine.evaluate(words, threads))


def _is_model(thing: Any) -> bool:
    """Whether it is a model or a bundle's directory, and no predictions."""
    if isinstance(thing, Model):
        return True
    if not isinstance(thing, (str, os.PathLike)):
        return False
    return not os.fspath(thing).endswith((".jsonl", ".json", ".csv", ".tsv", ".npy"))


def compare_tokens(
    earlier: Model | Path, later: Model | Path, *, most: int = 1000
) -> dict[str, Any]:
    """What became of items' codes from one training to the next: `tessera tokens --compare`.

    A later training may call a code by another number, so at each level names are matched first,
    as many items as possible keeping theirs.

    Args:
        most: At most so many items of each list.

    Returns:
        A dict with counts (`items` of both, `kept_all`, `kept_semantic`, `moved_items`, `new_items`,
        `gone_items`), `levels` with what each `kept`, and the lists `moved`, furthest first, `new`
        and `gone`.

    Example:
        >>> found = tessera.compare_tokens(model, model)
        >>> found["kept_all"] == found["items"], found["moved"]
        (True, [])
    """
    return json.loads(_engine.compare_tokens(_path_of(earlier), _path_of(later), most))


def settings(
    recipe: Recipe = _engine.default_recipe, **changes: Unpack[SettingChanges]
) -> dict[str, Any]:
    """Every setting of a recipe with its value, as `fit` with the same words would train.

    Args:
        recipe: A named set of settings: `default`, or `paper` (Lin et al. 2025).
        **changes: `epochs=20, tokens="semantic", …`; `UsageError` for one that `fit` refuses.

    Example:
        >>> tessera.settings("paper", tokens="id")["tokens"]
        'id'
    """
    return json.loads(_engine.settings(recipe, _assignments(changes)))


def settings_help() -> str:
    """One line for each setting that `fit` takes: its value by each recipe, what it means, and the
    values it takes.

    Example:
        >>> "codebook_size" in tessera.settings_help()
        True
    """
    return _engine.settings_help()


def _path_of(thing: Dataset | Model | Path) -> str:
    return thing.path if isinstance(thing, (Dataset, Model)) else os.fspath(thing)


def _assignments(settings: Mapping[str, Any]) -> list[str]:
    return [f"{key}={_word(value)}" for key, value in settings.items()]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
