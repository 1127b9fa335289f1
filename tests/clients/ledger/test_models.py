# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.clients.hospital.model_access import classify, model_of_round, task_status
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import check_round, fetch_model
from medquorum.core import model as modelformat
from medquorum.core.documents.model import Model
from medquorum.errors import CheckFailed, ContractError, DataError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, Consortium
from medquorum_testing.ledger.ledger_contract import LedgerContract

FIRST = HOSPITALS[0]


class Lying(Ledger):
    """A peer that answers something else than its ledger holds."""

    def __init__(self, consortium: Consortium) -> None:
        super().__init__(LedgerContract(consortium, FIRST), FIRST)
        self.demo = consortium
        self.chunk: Callable[[bytes], bytes] = lambda chunk: chunk
        self.manifest_change: dict[str, Any] = {}

    def model_chunk(self, model: str, index: int) -> bytes:
        return self.chunk(super().model_chunk(model, index))

    def manifest(self, model: str) -> Model:
        return super().manifest(model).model_copy(update=self.manifest_change)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Lying]:
    consortium = Consortium(tmp_path / "sets")
    consortium.begin()
    yield Lying(consortium)
    consortium.close()


def test_a_good_model_is_what_was_stored(ledger: Lying) -> None:
    task = ledger.task("demo")
    model, packed = model_of_round(ledger, task, 0)
    assert model == task.initial_model
    assert packed == ledger.demo.model()


def test_a_changed_chunk_is_named(ledger: Lying) -> None:
    ledger.chunk = lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])
    task = ledger.task("demo")
    with pytest.raises(CheckFailed, match="chunk 0 of model"):
        fetch_model(ledger, task, task.initial_model)


def test_another_models_manifest_is_refused(ledger: Lying) -> None:
    task = ledger.task("demo")
    ledger.manifest_change = {"chunks": ["0" * 64]}
    with pytest.raises(CheckFailed, match="describes the model"):
        fetch_model(ledger, task, task.initial_model)
    ledger.manifest_change = {"layout": "0" * 64}
    with pytest.raises(CheckFailed, match="has the layout"):
        fetch_model(ledger, task, task.initial_model)
    with pytest.raises(CheckFailed, match="its description has"):
        fetch_model(ledger, task.model_copy(update={"layout": "1" * 64}), task.initial_model)


def test_a_round_must_continue_the_one_before(ledger: Lying) -> None:
    consortium = ledger.demo
    consortium.play(1, {name: consortium.good_update(seed) for seed, name in enumerate(HOSPITALS)})
    task, current = ledger.task("demo"), ledger.round("demo", 1)
    check_round(ledger, task, current)
    with pytest.raises(CheckFailed, match="the one before ended with"):
        check_round(ledger, task, current.model_copy(update={"base": "3" * 64}))
    with pytest.raises(CheckFailed, match="attested by 0 of"):
        check_round(ledger, task, current.model_copy(update={"model": "4" * 64}))
    assert task_status(ledger, "demo")["accepted"] is True


def test_a_missing_model_is_the_contracts_refusal(ledger: Lying) -> None:
    with pytest.raises(ContractError) as caught:
        fetch_model(ledger, ledger.task("demo"), "5" * 64)
    assert caught.value.code == "MODEL_MISSING"


def test_images_are_classified_with_and_without_labels(ledger: Lying, tmp_path: Path) -> None:
    task = ledger.task("demo")
    packed = ledger.demo.good_update()
    pixels = np.zeros((4, 2, 2), np.uint8)
    pixels.reshape(4, 4)[np.arange(4), np.arange(4)] = 255
    np.savez(tmp_path / "a.npz", images=pixels)
    assert classify(task, packed, tmp_path / "a.npz") == {"images": 4, "accuracy": None, "classes": [0, 1, 2, 3]}
    np.savez(tmp_path / "b.npz", images=pixels, labels=np.array([0, 1, 2, 0]))
    assert classify(task, packed, tmp_path / "b.npz")["accuracy"] == 0.75
    np.savez(tmp_path / "c.npz", labels=np.array([0]))
    with pytest.raises(DataError, match="no array named images"):
        classify(task, packed, tmp_path / "c.npz")
    assert len(modelformat.split(packed)) == 1
