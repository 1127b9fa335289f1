# SPDX-License-Identifier: Apache-2.0
"""Images or labels that are not the model's are refused before the hospital takes part in a round."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from medquorum.clients.data.images import Images
from medquorum.clients.hospital.trainer import LocalTraining, Trainer
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.training.train import Recipe
from medquorum.errors import DataError
from medquorum_testing.ledger.small_federation import quarters


def other(*shape: int, label: int = 0) -> Images:
    return Images(np.full((4, *shape), 90, np.uint8), np.array([0, 1, 0, label]))


@pytest.mark.parametrize(
    ("images", "cause"),
    [
        (other(3, 2, 2), "the images are 3x2x2, the model takes 1x2x2"),
        (other(1, 9, 2), "the images are 1x9x2"),
        (other(1, 2, 2, label=200), "label 200 is no class of the model's"),
    ],
    ids=["three channels for one", "another size", "a label above the classes"],
)
@pytest.mark.parametrize("test", [False, True])
def test_they_are_refused_at_the_start(images: Images, cause: str, test: bool, federate: Any) -> None:
    task = federate({}, rounds=1).task
    own = quarters(40, 0)
    report = Report("hospital", "Hospital1MSP", as_json=True, stream=io.StringIO())
    given = LocalTraining(own, Recipe(), images) if test else LocalTraining(images, Recipe())
    with pytest.raises(DataError, match=cause):
        Trainer(task, "Hospital1MSP", given, report, LoopControl())
