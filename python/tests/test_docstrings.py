"""Every public function has a docstring with an example that holds."""

import doctest
import inspect
import json

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import TINY


def public():
    for holder in tessera, tessera.interchange:
        for name, thing in vars(holder).items():
            own = getattr(thing, "__module__", "").startswith("tessera_rec.") or holder is tessera
            if name.startswith("_") or not own or not callable(thing):
                continue
            yield name, thing
            if inspect.isclass(thing) and not issubclass(thing, Exception):
                for member, value in vars(thing).items():
                    if not member.startswith("_") and inspect.getdoc(value):
                        yield f"{name}.{member}", value


THINGS = {name: thing for name, thing in public()}
# What has no example: values that say nothing without their data, and fields of tuples.
PLAIN = {"Dataset.name", "Dataset.simulated", "Dataset.summary"}


def test_all_that_is_public_is_here():
    assert set(tessera.__all__) - {"interchange", "METRICS"} <= set(THINGS)
    assert len(THINGS) > 40


@pytest.mark.parametrize("name", THINGS)
def test_the_example_holds(name, here, shop, model):
    thing = THINGS[name]
    text = inspect.getdoc(thing) or ""
    assert text, f"{name} has no docstring"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    field = inspect.isdatadescriptor(thing) and not isinstance(thing, property)
    names = dict(tessera=tessera, np=np, json=json, data=shop, model=model, tiny=_without_epochs())
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    if name in PLAIN or (field and not test.examples):
        return
    assert test.examples, f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def _without_epochs():
    return {key: value for key, value in TINY.items() if key != "epochs"}
