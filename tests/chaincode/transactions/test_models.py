# SPDX-License-Identifier: Apache-2.0
"""The model store: manifests, chunks, and who may put them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from medquorum.core import model as modelformat
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.memory_stub import creator

H1 = HOSPITALS[0]
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def manifest(demo: Consortium, packed: bytes) -> dict[str, Any]:
    return {"layout": demo.layout, "length": len(packed), "chunks": modelformat.chunk_hashes(packed)}


@pytest.mark.parametrize("store", ["public", "private"])
def test_put_and_read_back(make: Make, store: str) -> None:
    demo = make()
    demo.init()
    packed = demo.model(4)
    name = demo.put_model(packed, store)
    assert demo.read(H1, "ReadModel", name) == {
        "docType": "model",
        "model": name,
        "store": store,
        "parent": None,
        "task": None,
        "round": 0,
        "accepted": [],
        **manifest(demo, packed),
    }
    assert demo.ledger.evaluate(H1, creator(H1), "ReadModelChunk", name, "0") == modelformat.stored_form(packed)
    assert (modelformat.stored_form(packed) in demo.ledger.state.values()) == (store == "public")


def test_second_put_keeps_the_manifest(make: Make) -> None:
    demo = make()
    demo.init()
    packed = demo.model(4)
    name = demo.put_model(packed, "private")
    before = demo.read(A, "ReadModel", name)
    assert demo.put_model(packed, "public") == name
    assert demo.read(A, "ReadModel", name) == before
    assert modelformat.stored_form(packed) not in demo.ledger.state.values()


def test_refusals(make: Make, refused: Refused) -> None:
    demo = make()
    demo.init()
    packed = demo.model(4)
    good = manifest(demo, packed)
    form = modelformat.stored_form(packed)

    def put(described: Any, index: int = 0, store: str = "public", chunk: bytes = form, msp: str = A) -> Any:
        return demo.submit(msp, "PutModelChunk", described, index, store, chunk=chunk)

    for wrong in ({}, good | {"length": 7}, good | {"length": 0}, good | {"chunks": []}, good | {"x": 1}, []):
        refused("BAD_MODEL", put, wrong)
    refused("BAD_MODEL", put, good | {"length": 8 << 20})
    refused("BAD_MODEL", put, good, store="cloud")
    refused("BAD_CHUNK", put, good, index=1)
    refused("BAD_CHUNK", put, good, chunk=form[:-1])
    refused("BAD_CHUNK", put, good, chunk=modelformat.stored_form(bytes(len(packed))))
    refused("ACCESS_DENIED", put, good, msp=H1)
    refused("BAD_CHUNK", demo.submit, A, "PutModelChunk", good, 0, "public")
    name = modelformat.model_hash(demo.layout, good["chunks"])
    refused("MODEL_MISSING", demo.read, A, "ReadModel", name)
    refused("MODEL_MISSING", demo.read, A, "ReadModelChunk", name, 0)
    put(good, msp=B)
    refused("CHUNK_MISSING", demo.read, A, "ReadModelChunk", name, 5)


def test_chunks_of_a_known_model_are_written_without_reading_each_other(make: Make) -> None:
    """Parallel puts never conflict: once the manifest is there, a put reads nothing that another put writes."""
    demo = make()
    demo.init()
    packed = demo.model(4) * 60_000
    described = manifest(demo, packed)
    assert len(described["chunks"]) > 1
    chunks = modelformat.split(packed)
    demo.submit(A, "PutModelChunk", described, 0, "public", chunk=modelformat.stored_form(chunks[0]))
    text = json.dumps(described)
    second = {"chunk": modelformat.stored_form(chunks[1])}
    simulation = demo.ledger.simulate(A, creator(A), "PutModelChunk", text, "1", "public", transient=second)
    digest = hashlib.sha256(chunks[1]).hexdigest()
    assert digest == described["chunks"][1]
    assert {key.split("\0")[1] for key in simulation.reads} == {"chunk", "consortium", "model", "purged"}
    assert [key.split("\0")[2] for key in simulation.reads if key.startswith("\0chunk")] == [digest]
    assert {key.split("\0")[1] for key in simulation.writes} == {"chunk", "stored"}
