# SPDX-License-Identifier: Apache-2.0
"""Training as a hospital's command does it, on other inputs and outputs than images and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from medquorum.clients.data.images import Images
from medquorum.clients.training import parameters
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.own.images import OwnImages
from medquorum.clients.training.train import Recipe, accuracy, train
from medquorum.core import model as modelformat
from medquorum.core.inference import compile_model, count_correct
from medquorum.errors import DataError
from medquorum_testing.inference import tiny_graphs

COUNT = 400
Labels = npt.NDArray[np.int64]


def document(output: dict[str, Any], logits: int) -> dict[str, Any]:
    layers = [
        tiny_graphs.layer("flatten", "flat", "input"),
        tiny_graphs.norm("norm", "flat", 4),
        tiny_graphs.dense("first", "norm", 4, 8),
        tiny_graphs.layer("leakyrelu", "leaky", "first", slope=6554),
        tiny_graphs.dense("last", "leaky", 8, logits),
    ]
    return tiny_graphs.graph("rows", tiny_graphs.fixed((4, 1, 1)), output, layers)


def rows(several: bool) -> Images:
    random = np.random.default_rng(1)
    numbers = random.normal(size=(COUNT, 4))
    sums = numbers @ random.normal(size=(4, 3 if several else 1))
    labels: Labels = (sums > 0).astype(np.int64)
    return Images.from_numbers(numbers, labels if several else labels[:, 0])


@pytest.mark.parametrize(
    ("output", "logits"),
    [
        ({"kind": "logit", "threshold": 0}, 1),
        ({"kind": "logit", "threshold": 1 << 16}, 1),
        ({"kind": "classes", "count": 2}, 2),
        ({"kind": "labels", "thresholds": [0, -(1 << 16), 1 << 15]}, 3),
    ],
    ids=["logit", "threshold", "classes", "labels"],
)
def test_every_output_is_learned_and_counted_as_the_ledger_counts(output: dict[str, Any], logits: int) -> None:
    description = modelformat.parse(document(output, logits))
    images = rows(several=output["kind"] == "labels")
    model = DescribedModel(description)
    parameters.load(model, drawn_model(description, 0))
    before = accuracy(model, images)
    train(model, images, Recipe(epochs=20, batch=20, learning_rate=0.02), 0, lambda done, total: None)
    packed = parameters.parameters_of(model)
    parameters.load(model, packed)
    after = accuracy(model, images)
    assert after > 0.93 > before
    program = compile_model(description, modelformat.unpack(description, packed))
    counts = count_correct(program, np.moveaxis(images.pixels, 1, 3), images.labels)
    assert abs(counts.correct / counts.total - after) < 0.005
    assert counts.total == images.labels.size


def test_an_own_loop_gets_numbers_and_labels() -> None:
    images = rows(several=True)
    description = modelformat.parse(document({"kind": "labels", "thresholds": [0, 0, 0]}, 3))
    numbers, labels = OwnImages(description, images)[5]
    assert numbers.shape == (4, 1, 1)
    assert isinstance(labels, torch.Tensor)
    assert labels.tolist() == images.labels[5].tolist()
    np.testing.assert_allclose(numbers.numpy().ravel(), images.pixels[5].ravel() / 65536, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "cause"),
    [
        (Images.from_numbers(np.zeros((3, 5)), np.array([0, 1, 1])), "the model takes 4x1x1"),
        (Images.from_numbers(np.zeros((3, 4), np.int16), np.array([0, 1, 1])), "type int16 do not fit"),
        (Images.from_numbers(np.full((3, 4), 40.0), np.array([0, 1, 1])), "once it is scaled"),
        (Images.from_numbers(np.zeros((3, 4)), np.array([0, 2, 1])), "labels do not fit"),
        (Images.from_numbers(np.zeros((3, 4)), np.array([[0, 1], [1, 1], [0, 0]])), "labels do not fit"),
    ],
    ids=["features", "type", "range", "class", "labels"],
)
def test_data_of_another_task_is_refused(images: Images, cause: str) -> None:
    model = DescribedModel(modelformat.parse(document({"kind": "logit", "threshold": 0}, 1)))
    with pytest.raises(DataError, match=cause) as refused:
        train(model, images, Recipe(), 0, lambda done, total: None)
    assert refused.value.remedy
