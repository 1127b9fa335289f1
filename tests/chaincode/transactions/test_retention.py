# SPDX-License-Identifier: Apache-2.0
"""Models older than the task keeps lose their bytes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medquorum.core import model as modelformat
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium

H1 = HOSPITALS[0]
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def played(make: Make, rounds: int, **task: object) -> tuple[Consortium, list[str]]:
    """Play rounds with a private store; return w_0 and each round's model."""
    demo = make()
    demo.begin(model_store="private", rule={"name": "none"}, model_tolerance=1000, rounds=9, **task)
    models = [str(demo.task()["initial_model"])]
    for number in range(1, rounds + 1):
        models.append(demo.play(number, {H1: demo.good_update(number)})["model"])
    return demo, models


def chunk(demo: Consortium, model: str) -> bytes:
    return demo.chunk(H1, model)


def test_bytes_of_old_models_are_gone_and_their_manifests_stay(make: Make, refused: Refused) -> None:
    demo, models = played(make, 4, keep_models=2)
    before = demo.read(H1, "ReadModel", models[1])
    fields = {name: before[name] for name in ("layout", "length", "chunks")}
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": models[2::-1]}
    for kept in models[3:]:
        assert modelformat.chunk_hashes(chunk(demo, kept)) == demo.read(H1, "ReadModel", kept)["chunks"]
    for gone in models[:3]:
        text = refused("MODEL_PURGED", chunk, demo, gone)
        assert "keeps its latest 2 models" in text and "Fetch a later round's" in text
    for organisation in demo.ledger.organisations.values():
        assert not any(before["chunks"][0] in key for _, key in organisation.private)
    assert demo.read(H1, "ReadStoredChunks", fields, "private") == {"begun": False, "stored": []}
    assert demo.read(H1, "ReadModel", models[1]) == before
    assert demo.read(H1, "ReadRound", "demo", 1)["model"] == models[1]


def test_purging_again_finds_only_what_has_become_superfluous(make: Make) -> None:
    demo, models = played(make, 3, keep_models=1)
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": models[2::-1]}
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": []}
    models.append(demo.play(4, {H1: demo.good_update(4)})["model"])
    assert demo.submit(B, "PurgeModels", "demo") == {"purged": [models[3]]}


def test_the_base_of_a_round_under_way_is_kept(make: Make) -> None:
    demo, models = played(make, 2, keep_models=1)
    demo.submit(A, "OpenRound", "demo", 3)
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": models[1::-1]}
    assert chunk(demo, demo.base(3))


def test_rounds_that_kept_their_base_count_once(make: Make) -> None:
    demo, models = played(make, 2, keep_models=2)
    for number in (3, 4):
        demo.submit(A, "OpenRound", "demo", number)
        demo.submit(A, "AbortRound", "demo", number, "nobody came")
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [models[0]]}
    assert chunk(demo, models[1])


def test_a_model_that_another_task_needs_is_kept(make: Make, refused: Refused) -> None:
    demo, models = played(make, 2, keep_models=1)
    following = demo.task(task="next", initial_model=models[1], model_store="private", keep_models=1)
    demo.submit(A, "CreateTask", following)
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [models[0]]}
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": []}
    assert chunk(demo, models[1])
    assert demo.submit(A, "PurgeModels", "next") == {"purged": []}
    assert chunk(demo, models[1])


def test_a_model_that_is_public_already_is_used_and_never_purged(make: Make) -> None:
    demo = make()
    demo.init()
    public = demo.put_model(demo.model(), "public")
    private = {"model_store": "private", "keep_models": 1, "rule": {"name": "none"}, "model_tolerance": 1000}
    demo.submit(A, "CreateTask", demo.task(**private))
    demo.play(1, {H1: demo.good_update(1)})
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": []}
    assert chunk(demo, public) == demo.model()


def test_a_purged_model_can_be_stored_again(make: Make) -> None:
    demo, models = played(make, 2, keep_models=1)
    packed = chunk(demo, models[1])
    demo.submit(A, "PurgeModels", "demo")
    assert demo.put_model(packed, "private") == models[1]
    assert chunk(demo, models[1]) == packed
    assert demo.read(H1, "ReadModel", models[1])["round"] == 1


def test_a_model_that_a_public_task_builds_on_is_kept(make: Make) -> None:
    demo = make()
    demo.begin(model_store="private", keep_models=1, rule={"name": "none"}, model_tolerance=1000)
    demo.submit(A, "CreateTask", demo.task(task="pub"))
    demo.submit(A, "OpenRound", "pub", 1)
    demo.play(1, {H1: demo.good_update(1)})
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": []}
    assert chunk(demo, str(demo.task()["initial_model"])) == demo.model()


def test_a_purged_model_that_a_public_task_makes_again_is_stored_where_its_manifest_says(make: Make) -> None:
    demo, models = played(make, 2, keep_models=1)
    packed = chunk(demo, models[1])
    demo.submit(A, "PurgeModels", "demo")
    demo.put_model(demo.model(), "private")
    demo.submit(A, "CreateTask", demo.task(task="pub", rule={"name": "none"}, model_tolerance=1000))
    demo.name = "pub"
    assert demo.play(1, {H1: demo.good_update(1)})["model"] == models[1]
    assert chunk(demo, models[1]) == packed
    for kept in models[:2]:
        assert demo.submit(A, "PurgeModels", "demo") == {"purged": []}
        assert chunk(demo, kept)


def test_a_model_stored_again_stays(make: Make) -> None:
    demo, models = played(make, 2, keep_models=1)
    demo.submit(A, "PurgeModels", "demo")
    demo.put_model(demo.model(), "private")
    demo.play(3, {H1: demo.good_update(3)})
    assert demo.submit(A, "PurgeModels", "demo") == {"purged": [models[2]]}
    assert chunk(demo, models[0]) == demo.model()


def test_refusals(make: Make, refused: Refused) -> None:
    demo, _ = played(make, 1)
    refused("KEEP_MODELS", demo.submit, A, "PurgeModels", "demo")
    refused("ACCESS_DENIED", demo.submit, H1, "PurgeModels", "demo")
    public = demo.task(task="open", keep_models=1)
    assert "for ever" in refused("BAD_TASK", demo.submit, A, "CreateTask", public)
    refused("BAD_TASK", demo.submit, A, "CreateTask", demo.task(task="x", model_store="private", keep_models=-1))


@pytest.mark.parametrize("stored", [0, 2])
def test_stored_chunks_are_listed(make: Make, stored: int) -> None:
    demo = make()
    demo.init()
    packed = demo.model(4) * 60_000
    described = {"layout": demo.layout, "length": len(packed), "chunks": modelformat.chunk_hashes(packed)}
    for index in range(stored):
        form = modelformat.stored_form(modelformat.split(packed)[index])
        demo.submit(A, "PutModelChunk", described, index, "public", chunk=form)
    answer = demo.read(H1, "ReadStoredChunks", described, "public")
    assert answer == {"begun": stored > 0, "stored": list(range(stored))}
