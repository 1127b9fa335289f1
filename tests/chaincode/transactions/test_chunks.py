# SPDX-License-Identifier: Apache-2.0
"""A chunk is stored once whichever models have it, and its bytes are there as long as one of these is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, Consortium
from medquorum_testing.ledger.memory_stub import Simulation, creator

H1 = HOSPITALS[0]
FULL = modelformat.CHUNK_BYTES // 4
Make = Callable[..., Consortium]
Refused = Callable[..., str]
STORES = ["public", "private"]


class TwoChunks(Consortium):
    """A task whose models have two chunks."""

    @staticmethod
    def document() -> dict[str, Any]:
        document = catalogue.mlp((1, 2, 2), 4, hidden=1024)
        middle = {"op": "dense", "name": "middle", "in": 1024, "out": 1024}
        document["layers"][-1:-1] = [middle, {"op": "relu"}]
        return document


def packed(*seeds: int, last: int = 9) -> bytes:
    """Return a full chunk for each seed, and a short one."""
    full = [np.random.default_rng(seed).integers(-99, 99, FULL) for seed in seeds]
    return np.concatenate([*full, [last]]).astype("<i4").tobytes()


def manifest(demo: Consortium, model: bytes, layout: str = "") -> dict[str, Any]:
    return {"layout": layout or demo.layout, "length": len(model), "chunks": modelformat.chunk_hashes(model)}


def name_of(described: dict[str, Any]) -> str:
    return modelformat.model_hash(described["layout"], described["chunks"])


def put(demo: Consortium, described: dict[str, Any], model: bytes, *indices: int, store: str) -> None:
    for index in indices:
        form = modelformat.stored_form(modelformat.split(model)[index])
        demo.submit(A, "PutModelChunk", described, index, store, chunk=form)


def simulated(demo: Consortium, described: dict[str, Any], model: bytes, index: int, store: str) -> Simulation:
    chunk = modelformat.stored_form(modelformat.split(model)[index])
    arguments = json.dumps(described), str(index), store
    simulation = demo.ledger.simulate(A, creator(A), "PutModelChunk", *arguments, transient={"chunk": chunk})
    assert simulation.response.status == 200
    return simulation


def stored(demo: Consortium, described: dict[str, Any], store: str) -> tuple[bool, list[int]]:
    answer = demo.read(H1, "ReadStoredChunks", described, store)
    return answer["begun"], answer["stored"]


def whole(demo: Consortium, described: dict[str, Any]) -> bytes:
    return b"".join(demo.chunk(H1, name_of(described), index) for index in range(len(described["chunks"])))


def places(demo: Consortium, store: str) -> set[str]:
    """Return the hashes of the chunks whose bytes are in a store."""
    private = [key for _, key in demo.ledger.organisations[H1].private]
    keys = [key.split("\0") for key in (demo.ledger.state if store == "public" else private)]
    return {key[2] for key in keys if key[1:2] == ["chunk"]}


def writes(demo: Consortium, digest: str) -> int:
    """Count the times endorsers wrote a chunk's bytes."""
    prefix = demo.ledger_key("chunk", digest)
    written = [{*one.writes, *(private for _, private in one.private_writes)} for _, one in demo.ledger.simulations]
    return sum(any(key.startswith(prefix) for key in one) for one in written)


def conflicts(later: Simulation, earlier: Simulation) -> bool:
    """Return whether a transaction is invalid where another, simulated on the same state, is ordered before it."""
    private = {*earlier.private_writes, *earlier.purges}
    ranges = [(key, one) for key in earlier.writes for one in later.ranges]
    read = {*later.reads} & earlier.writes.keys() or {*later.hash_reads} & private
    return bool(read) or any(low <= key < high for key, (low, high) in ranges)


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
def test_a_chunk_of_two_models_is_stored_once(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    first, second = packed(1, 2), packed(1, 3)
    one, two = manifest(demo, first), manifest(demo, second)
    assert stored(demo, one, store) == (False, [])
    put(demo, one, first, 0, 1, 2, store=store)
    assert stored(demo, one, store) == (True, [0, 1, 2])
    assert stored(demo, two, store) == (False, [0, 2])
    put(demo, two, second, 1, store=store)
    assert stored(demo, two, store) == (True, [0, 1, 2])
    assert (whole(demo, one), whole(demo, two)) == (first, second)
    assert places(demo, store) == {*one["chunks"], *two["chunks"]}
    endorsers = 2
    assert {writes(demo, digest) for digest in places(demo, store)} == {endorsers}
    put(demo, two, second, 0, 1, 2, store=store)
    assert {writes(demo, digest) for digest in places(demo, store)} == {endorsers}


def test_a_model_of_known_chunks_alone_writes_none(make: Make) -> None:
    demo = make()
    demo.init()
    model = packed(1, 2)
    one, two = manifest(demo, model), manifest(demo, model, layout="1" * 64)
    put(demo, one, model, 0, 1, 2, store="private")
    assert stored(demo, two, "private") == (False, [0, 1, 2])
    put(demo, two, model, 0, store="private")
    assert stored(demo, two, "private") == (True, [0, 1, 2])
    assert whole(demo, two) == model
    assert {writes(demo, digest) for digest in one["chunks"]} == {2}


def test_stores_do_not_see_each_others_chunks(make: Make) -> None:
    demo = make()
    demo.init()
    first, second = packed(1), packed(1, last=8)
    one, two = manifest(demo, first), manifest(demo, second)
    put(demo, one, first, 0, 1, store="public")
    assert stored(demo, two, "private") == (False, [])
    put(demo, two, second, 0, 1, store="private")
    assert (whole(demo, one), whole(demo, two)) == (first, second)
    assert (places(demo, "public"), places(demo, "private")) == ({*one["chunks"]}, {*two["chunks"]})
    assert stored(demo, one, "private") == (True, [0, 1]), "a model is where its manifest says"


@pytest.mark.parametrize("store", STORES)
def test_models_that_rely_on_a_chunk_do_not_conflict(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    models = [packed(1, last=last) for last in (7, 8, 9)]
    described = [manifest(demo, model) for model in models]
    put(demo, described[0], models[0], 0, 1, store=store)
    first, second = (simulated(demo, described[i], models[i], 1, store) for i in (1, 2))
    assert not conflicts(first, second) and not conflicts(second, first)
    demo.ledger.commit(first)
    demo.ledger.commit(second)
    assert [whole(demo, one) for one in described] == models


@pytest.mark.parametrize("store", STORES)
def test_models_that_bring_the_same_chunk_do(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    models = [packed(1, last=last) for last in (7, 8)]
    first, second = (simulated(demo, manifest(demo, model), model, 0, store) for model in models)
    assert conflicts(first, second) and conflicts(second, first)


@pytest.mark.parametrize("store", STORES)
def test_equal_chunks_of_a_model_are_stored_once_and_do_not_conflict(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    model = packed(1, 1, 1)
    described = manifest(demo, model)
    put(demo, described, model, 3, store=store)
    assert stored(demo, described, store) == (True, [1, 2, 3])
    first, second = (simulated(demo, described, model, index, store) for index in (0, 1))
    assert not conflicts(first, second) and not conflicts(second, first)
    demo.ledger.commit(second)
    demo.ledger.commit(first)
    assert whole(demo, described) == model
    assert len(places(demo, store)) == 2


@pytest.mark.slow
def test_an_upload_that_was_cut_off_does_not_take_over_what_others_store_meanwhile(make: Make) -> None:
    """What a model does not hold may go at any time, so it is sent again; the bytes are written once all the same."""
    demo = make()
    demo.init()
    first, second = packed(1, 2), packed(3, 2)
    one, two = manifest(demo, first), manifest(demo, second)
    put(demo, one, first, 0, store="private")
    put(demo, two, second, 0, 1, 2, store="private")
    assert stored(demo, one, "private") == (True, [0])
    put(demo, one, first, 1, 2, store="private")
    assert whole(demo, one) == first
    assert {writes(demo, digest) for digest in two["chunks"]} == {2}


def moved(model: bytes, backbone: int, head: int) -> bytes:
    """Add to all parameters of the first chunk, and to those after it."""
    values = np.frombuffer(model, "<i4").copy()
    values[:FULL] += backbone
    values[FULL:] += head
    return values.tobytes()


class Trained:
    """A private task with models of two chunks: a round trains the last parameters alone, or all of them."""

    def __init__(self, demo: Consortium, **task: Any) -> None:
        self.demo = demo
        loose = {"model_store": "private", "rule": {"name": "none"}, "model_tolerance": 1000, "rounds": 9}
        demo.begin(**loose | task)
        self.models = [str(demo.task()["initial_model"])]
        self.packed = demo.model()

    def play(self, *, whole: bool = False) -> str:
        number = len(self.models)
        ended = self.demo.play(number, {H1: moved(self.packed, 2 if whole else 0, 2 * number)})
        self.models.append(ended["model"])
        self.packed = b"".join(self.demo.chunk(H1, ended["model"], index) for index in (0, 1))
        return str(ended["model"])

    def chunks(self, number: int) -> list[str]:
        found: list[str] = self.demo.read(H1, "ReadModel", self.models[number])["chunks"]
        return found


@pytest.mark.slow
def test_a_round_that_trains_the_head_stores_the_head(make: Make) -> None:
    trained = Trained(make(TwoChunks))
    trained.play()
    backbone, head = trained.chunks(0)
    assert (trained.chunks(1)[0] == backbone, trained.chunks(1)[1] == head) == (True, False)
    assert writes(trained.demo, backbone) == 2
    assert places(trained.demo, "private") == {backbone, head, trained.chunks(1)[1]}


@pytest.mark.slow
def test_a_purge_leaves_the_chunks_of_kept_models(make: Make, refused: Refused) -> None:
    trained = Trained(make(TwoChunks), keep_models=1)
    demo, first = trained.demo, trained.demo.model()
    trained.play()
    trained.play()
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": trained.models[1::-1]}
    assert places(demo, "private") == {*trained.chunks(2)}
    for gone in trained.models[:2]:
        for index in (0, 1):
            refused("MODEL_PURGED", demo.chunk, H1, gone, index)
    assert b"".join(demo.chunk(H1, trained.models[2], index) for index in (0, 1)) == trained.packed

    described = manifest(demo, first)
    assert stored(demo, described, "private") == (False, [0])
    put(demo, described, first, 1, store="private")
    assert stored(demo, described, "private") == (True, [0, 1])
    assert whole(demo, described) == first

    trained.play(whole=True)
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [trained.models[2]]}
    assert whole(demo, described) == first, "it was stored again, and is no task's"
    assert places(demo, "private") == {*trained.chunks(0), *trained.chunks(3)}


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
def test_a_purge_of_all_models_with_a_chunk_removes_it(make: Make, at_once: bool) -> None:
    trained = Trained(make(TwoChunks), keep_models=1)
    trained.play()
    if not at_once:
        assert trained.demo.submit(A, "PurgeModels", "demo") == {"purged": [trained.models[0]]}
        assert places(trained.demo, "private") == {*trained.chunks(1)}
    trained.play(whole=True)
    trained.demo.submit(A, "PurgeModels", "demo")
    assert places(trained.demo, "private") == {*trained.chunks(2)}
    held = {key.split("\0")[2] for key in trained.demo.ledger.state if key.startswith("\0holder")}
    assert held == {*trained.chunks(2)}


@pytest.mark.slow
def test_a_model_that_relies_on_a_chunk_and_its_purge_do_not_pass_each_other(make: Make) -> None:
    trained = Trained(make(TwoChunks), keep_models=1)
    trained.play(whole=True)
    demo, new = trained.demo, moved(trained.demo.model(), 0, 1)
    described = manifest(demo, new)
    purge = demo.ledger.simulate(A, creator(A), "PurgeModels", "demo")
    assert purge.purges
    relying = simulated(demo, described, new, 1, "private")
    kept = demo.ledger_key("chunk", described["chunks"][0])
    assert not any(key.startswith(kept) for _, key in relying.private_writes)
    assert conflicts(purge, relying) and conflicts(relying, purge)

    demo.ledger.commit(purge)
    again = simulated(demo, described, new, 1, "private")
    demo.ledger.commit(again)
    assert stored(demo, described, "private") == (True, [1]), "so that chunk 0 is sent too"
    put(demo, described, new, 0, store="private")
    assert whole(demo, described) == new


@pytest.mark.slow
def test_a_rounds_model_holds_its_chunks_before_the_round_has_ended(make: Make) -> None:
    """The new model has a chunk of another task's first model, which is purged before there is a manifest."""
    trained = Trained(make(TwoChunks), keep_models=1)
    trained.play(whole=True)
    demo, first = trained.demo, trained.demo.model()
    base = demo.put_model(moved(first, 2, 2), "private")
    loose = {"rule": {"name": "none"}, "model_tolerance": 1000, "model_store": "private"}
    demo.submit(A, "CreateTask", demo.task(task="next", initial_model=base, **loose))
    demo.name = "next"
    demo.submit(A, "OpenRound", "next", 1)
    demo.hand_in(H1, moved(first, -2, 4))
    demo.submit(A, "CloseSubmissions", "next", 1, "")
    demo.verify(H1)
    demo.submit(A, "CloseVerdicts", "next", 1, "")
    demo.attest()
    simulations = [demo.ledger.simulate(A, creator(A), "StoreModelChunk", "next", "1", index) for index in "01"]
    assert [len(one.private_writes) for one in simulations] == [0, 1], "the first chunk is there"
    assert not conflicts(*simulations) and not conflicts(*reversed(simulations))
    demo.store()
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [trained.models[0]]}
    closed = demo.submit(A, "CloseRound", "next", 1, "")
    new = b"".join(demo.chunk(H1, closed["model"], index) for index in (0, 1))
    assert new == moved(first, 0, 3)


@pytest.mark.parametrize("store", STORES)
def test_a_chunk_is_not_taken_over_for_a_place_it_does_not_fit(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    first = packed(1, 2)
    one = manifest(demo, first)
    put(demo, one, first, 0, 1, 2, store=store)
    sizes = [len(chunk) for chunk in modelformat.split(first)]
    assert sizes[1] > 4
    bent = one | {"length": sizes[0] + 4, "chunks": one["chunks"][:2]}  # its second chunk would have four bytes
    assert stored(demo, bent, store) == (False, [0])
    put(demo, bent, first, 0, store=store)
    assert stored(demo, bent, store) == (True, [0])


@pytest.mark.slow
def test_a_purged_model_that_a_round_ends_with_again_is_no_purged_one(make: Make) -> None:
    trained = Trained(make(TwoChunks), keep_models=1)
    demo, first = trained.demo, trained.demo.model()
    described = manifest(demo, first)
    trained.play()
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [trained.models[0]]}
    assert stored(demo, described, "private") == (False, [0])
    assert demo.play(2, {H1: moved(trained.packed, 0, -2)})["model"] == trained.models[0]
    assert stored(demo, described, "private") == (True, [0, 1])
    assert whole(demo, described) == first
