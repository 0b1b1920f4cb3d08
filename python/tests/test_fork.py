"""Processes made of a process that has used the engine: no hang, whatever they do."""

import multiprocessing
import os

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import TINY


def in_child(method, work, *arguments):
    """What work(*arguments) returns in another process, or the exception; fails if it hangs."""
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    child = context.Process(target=_send, args=(theirs, work, arguments))
    child.start()
    theirs.close()
    try:
        if not ours.poll(60):
            pytest.fail("the child hangs")
        answer = ours.recv()
        child.join(60)
        assert child.exitcode == 0
        return answer
    finally:
        child.kill()
        child.join()


def _send(pipe, work, arguments):
    try:
        pipe.send(work(*arguments))
    except Exception as error:
        pipe.send(error)


def _recommend_of(model):
    return model.recommend(["S000012"]).items.tolist()


def _open_and_recommend(path, histories):
    model = tessera.Model(path)
    return model.recommend_many(histories, k=5).items.tolist()


def _train(data, out):
    tessera.fit(data, out, progress=False, **TINY)
    return tessera.evaluate(out, data, split="validation")["metrics"]


def _embed(data):
    return tessera.Dataset(data).embed(dims=16).embeddings.shape


@pytest.fixture
def busy(shop, model):
    """The parent has used all its threads, in training and in batches."""
    tessera.fit(shop, "first", progress=False, **TINY)
    model.recommend_many([shop.history(user) for user in shop.user_ids])
    return model


def test_a_model_from_before_a_fork_says_so(busy):
    error = in_child("fork", _recommend_of, busy)
    assert isinstance(error, tessera.Error)
    assert "opened before the process was forked: open it in the child" in str(error)
    assert len(_recommend_of(busy)) == 10  # the parent goes on


def _drop(models):
    models.clear()
    return "gone"


def test_a_child_may_let_the_parents_model_go(busy):
    assert in_child("fork", _drop, [busy]) == "gone"


def test_a_forked_child_can_open_the_model(busy, shop):
    histories = [shop.history(user) for user in shop.user_ids]
    expected = busy.recommend_many(histories, k=5, threads=1).items.tolist()
    assert in_child("fork", _open_and_recommend, "model", histories) == expected


def test_a_forked_child_can_train(busy, shop):
    tessera.fit(shop, "ours", progress=False, threads=1, **TINY)
    expected = tessera.evaluate("ours", shop, split="validation", threads=1)["metrics"]
    assert in_child("fork", _train, "shop", "theirs") == expected


def test_a_forked_child_can_embed_and_read_data(busy, shop):
    assert in_child("fork", _embed, "shop") == (150, 16)
    assert in_child("fork", type(shop).history, shop, "U000001") == shop.history("U000001")


def test_a_spawned_child_gets_the_model_by_its_path(busy):
    assert in_child("spawn", _recommend_of, busy) == _recommend_of(busy)


def test_a_pool_of_forks(busy):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        job = pool.map_async(_open_here, ["model"] * 4)
        assert len({tuple(answer) for answer in job.get(timeout=60)}) == 1


def _open_here(path):
    return _recommend_of(tessera.Model(path))
