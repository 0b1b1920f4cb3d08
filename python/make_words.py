"""Writes _words.pyi, what type checkers know of settings and options, from the engine's tables.

python make_words.py FOLDER_OF_THE_ENGINE FILE
"""

import json
import sys

HEAD = '''"""What type checkers know of settings and of options; written when the package is built."""

from os import PathLike
from typing import Iterable, Literal, Mapping, Optional, TypedDict, Union

_Path = Union[str, PathLike[str]]
'''

# Where Python takes more than the command line.
SETTINGS = {"encoder_hidden": "str"}
OPTIONS = {
    "event_types": "Union[str, Mapping[str, float]]",
    "missing": "Union[str, Iterable[str], None]",
    "max_errors": "Union[int, str]",
    "validation_from": "Union[float, str, None]",
    "test_from": "Union[float, str, None]",
}


def literal(words):
    return f"Literal[{', '.join(json.dumps(word) for word in words)}]"


def type_of(value, words):
    if words:
        return literal(words)
    if value is None:
        return "Union[float, str, None]"
    if isinstance(value, (bool, int, float)):
        return type(value).__name__
    if isinstance(value, str):
        return "Optional[str]"
    return "Optional[_Path]"


def type_of_setting(value, words, automatic):
    own = type_of(json.loads(value), words)
    return f'Union[{own}, Literal["auto"]]' if automatic else own


def fields(rows):
    return "".join(f"    {word}: {type}\n" for word, type in rows.items())


def main(engine, file):
    sys.path.insert(0, engine)
    import _engine

    settings = {key: SETTINGS.get(key) or type_of_setting(*row) for key, *row in _engine.settings_list}
    recipe = settings.pop("recipe")
    keywords = {key: type for key, type in settings.items() if key != "negatives"}
    options = {
        word: OPTIONS.get(word)
        or (f"Optional[{literal(choices)}]" if choices else type_of(value, []))
        for word, value, _, choices in _engine.prepare_options
        if word not in ("interactions", "items")
    }
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"{HEAD}\nRecipe = {recipe}\n")
        out.write(f"\nclass SettingKeywords(TypedDict, total=False):\n{fields(keywords)}")
        out.write("\nclass Settings(SettingKeywords, total=False):\n    recipe: Recipe\n")
        out.write(f"    negatives: {settings['negatives']}\n")
        out.write("\nclass SettingChanges(SettingKeywords, total=False):\n")
        out.write(f"    negatives: {settings['negatives']}\n")
        out.write(f"\nclass PrepareOptions(TypedDict, total=False):\n{fields(options)}")


main(*sys.argv[1:])
