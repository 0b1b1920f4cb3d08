"""Tessera: recommendations from interaction logs and item text, by semantic and ID tokens.

    import tessera_rec as tessera
    data = tessera.prepare(events, "dataset", items=items).embed()
    model = tessera.fit(data, "model", epochs=20)
    model.evaluate(data)["metrics"]
    model.recommend(data.history("anna"), k=5)

The engine is that of the command line `tessera`: the directories are the same, and the same seed
and data give the same bits.
"""

import os as _os

from . import _engine, interchange
from ._dataset import Dataset, prepare, simulate
from ._errors import Error, UsageError
from ._lists import RecommendedVectors
from ._model import ManyRecommendations, Model, Recommendations
from ._tokenize import SemanticTokenizer, Tokens, health, tokenize
from ._training import METRICS, Epoch, compare_tokens, evaluate, fit, settings, settings_help
from ._tune import Trial, Tuning, tune

# OpenMP's threads do not survive a fork: a child works with one.
_os.register_at_fork(after_in_child=_engine.work_alone)

__all__ = [
    "METRICS",
    "Dataset",
    "Epoch",
    "Error",
    "ManyRecommendations",
    "Model",
    "Recommendations",
    "RecommendedVectors",
    "SemanticTokenizer",
    "Tokens",
    "Trial",
    "Tuning",
    "UsageError",
    "compare_tokens",
    "evaluate",
    "fit",
    "health",
    "interchange",
    "prepare",
    "settings",
    "settings_help",
    "simulate",
    "tokenize",
    "tune",
]
