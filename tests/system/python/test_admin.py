# SPDX-License-Identifier: Apache-2.0
"""An administrator's tasks from Python: a module, a state dict or a file is what a task begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from medquorum import admin
from medquorum.errors import ContractError, MedquorumError, ModelError, RangeError
from medquorum.hospital import connect
from medquorum_testing.federation.federation import Federation

WIDTH = 6


def net(seed: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))


@pytest.fixture
def administrator(fed: Federation, tmp_path: Path) -> Iterator[admin.AdminConnection]:
    with admin.connect(fed.running.profile("Coordinator"), state=tmp_path / "admin") as connection:
        yield connection


@pytest.fixture
def document() -> Any:
    return admin.describe(net(), torch.zeros(1, 1, 8, 8), admin.Pixels(0.5, 0.5), admin.Classes(10))


def test_a_task_begins_with_the_given_module(
    fed: Federation, administrator: admin.AdminConnection, document: Any, tmp_path: Path
) -> None:
    """Each kind of ``initial`` gives the same model, and a hospital finds the module's own numbers in it."""
    about: dict[str, Any] = {"dataset": fed.task.dataset, "dataset_size": fed.task.dataset_size, "rounds": 3}
    module = net()
    made = administrator.create_task(
        "module", document, initial=module, mixing="1/4", rule={"name": "slack", "slack": 7}, **about
    )
    assert (made.task, made.rounds, made.lambda_numerator, made.lambda_bits) == ("module", 3, 1, 2)
    assert made.rule == {"name": "slack", "slack": 7}
    assert made.coordinator == administrator.msp == fed.msp("Coordinator")
    assert {"module", fed.name} <= set(administrator.tasks())
    with connect(fed.running.profile("Hospital1"), state=tmp_path / "hospital") as hospital:
        first = hospital.task("module").model(round=0)
    assert first.hash == made.initial_model
    for name, values in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_allclose(first.state_dict()[name], values, atol=2**-16)
    first.export(tmp_path / "first.safetensors")
    again = {"state": module.state_dict(), "file": tmp_path / "first.safetensors"}
    for name, initial in again.items():
        assert administrator.create_task(name, document, initial=initial, **about).initial_model == first.hash
    drawn = administrator.create_task("drawn", document, seed=4, **about)
    assert drawn.initial_model != first.hash


def wrong_head() -> nn.Module:
    module = net()
    module[4] = nn.Linear(WIDTH, 9)
    return module


def filled(value: float) -> nn.Module:
    module = net()
    with torch.no_grad():
        next(module.parameters()).fill_(value)
    return module


@pytest.mark.parametrize(
    ("module", "error", "told"),
    [
        (wrong_head(), ModelError, r"4.weight has shape \(9, 6\) instead of \(10, 6\)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), ModelError, r"missing: .*4\.weight"),
        (filled(float("nan")), ModelError, "NaN or infinity"),
        (filled(9.0), RangeError, r"1\.weight"),
    ],
)
def test_what_is_no_first_model_creates_no_task(
    fed: Federation,
    administrator: admin.AdminConnection,
    document: Any,
    module: nn.Module,
    error: type[MedquorumError],
    told: str,
) -> None:
    about: dict[str, Any] = {"dataset": fed.task.dataset, "dataset_size": fed.task.dataset_size}
    with pytest.raises(error, match=told) as found:
        administrator.create_task("none", document, initial=module, **about)
    assert found.value.remedy
    assert "none" not in administrator.tasks()


def test_a_task_is_created_once(fed: Federation, administrator: admin.AdminConnection, document: Any) -> None:
    about: dict[str, Any] = {"dataset": fed.task.dataset, "dataset_size": fed.task.dataset_size}
    administrator.create_task("once", document, initial=net(), **about)
    with pytest.raises(ContractError, match="once") as found:
        administrator.create_task("once", document, initial=net(2), **about)
    assert found.value.code == "TASK_EXISTS"
    with connect(fed.running.profile("Hospital1"), state=fed.state("Hospital1")) as hospital:
        assert hospital.task("once").model(round=0).integers()


def test_hospitals_come_and_go(fed: Federation, administrator: admin.AdminConnection, document: Any) -> None:
    about: dict[str, Any] = {"dataset": fed.task.dataset, "dataset_size": fed.task.dataset_size}
    everyone = [fed.msp(one) for one in fed.hospitals]
    made = administrator.create_task("joined", document, initial=net(), settings={"hospitals": everyone[:2]}, **about)
    assert made.hospitals == everyone[:2]
    assert administrator.update_hospitals("joined", everyone) == everyone
    with pytest.raises(ContractError):
        administrator.update_hospitals("joined", ["StrangerMSP"])
