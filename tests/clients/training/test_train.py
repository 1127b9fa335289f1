# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from medquorum.clients.data.images import Images
from medquorum.clients.data.sources import load as load_data
from medquorum.clients.runtime.reconcile import LoopControl, Stopped
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.parameters import load, parameters_of
from medquorum.clients.training.train import Recipe, accuracy, predict, seed_of, train
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import DataError

torch.set_num_threads(1)


def mlp(image: tuple[int, int, int] = (1, 8, 8)) -> DescribedModel:
    model = DescribedModel(modelformat.parse(catalogue.mlp(image, 10)))
    load(model, drawn_model(model.description, 0))
    return model


def silent(done: int, total: int) -> None:
    """Hear of progress."""


def test_training_learns_and_the_seed_reproduces_it() -> None:
    source = load_data("digits")
    packed = []
    for _ in range(2):
        model = mlp()
        train(model, source.train, Recipe(epochs=5, batch=32), seed_of("t", 1, "Hospital1MSP"), silent)
        packed.append(parameters_of(model))
        assert accuracy(model, source.held_out) > 0.8
    assert packed[0] == packed[1]
    other = mlp()
    train(other, source.train, Recipe(epochs=5, batch=32), seed_of("t", 2, "Hospital1MSP"), silent)
    assert parameters_of(other) != packed[0]


def test_progress_counts_every_batch() -> None:
    seen: list[tuple[int, int]] = []
    images = Images(np.zeros((10, 1, 8, 8), np.uint8), np.zeros(10, np.int64))
    train(mlp(), images, Recipe(epochs=2, batch=4), 0, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]


@pytest.mark.slow
def test_a_rest_of_one_image_does_not_break_batch_normalisation() -> None:
    model = DescribedModel(modelformat.parse(catalogue.resnet18((1, 28, 28), 2)))
    images = Images(np.random.default_rng(0).integers(0, 256, (5, 1, 28, 28), np.uint8), np.arange(5) % 2)
    train(model, images, Recipe(batch=4), 0, silent)
    assert all(np.isfinite(tensor).all() for tensor in model.tensors().values())
    assert set(predict(model, images).tolist()) <= {0, 1}


def test_the_wish_to_stop_ends_the_training() -> None:
    control = LoopControl()
    control.stop()
    images = Images(np.zeros((4, 1, 8, 8), np.uint8), np.zeros(4, np.int64))
    with pytest.raises(Stopped):
        train(mlp(), images, Recipe(), 0, lambda done, total: control.check())


@pytest.mark.parametrize(
    ("shape", "label", "cause"),
    [((1, 9, 8), 0, "the model takes"), ((3, 8, 8), 0, "the model takes"), ((1, 8, 8), 10, "no class")],
)
def test_images_of_another_task_are_refused(shape: tuple[int, ...], label: int, cause: str) -> None:
    images = Images(np.zeros((2, *shape), np.uint8), np.full(2, label))
    with pytest.raises(DataError, match=cause):
        train(mlp(), images, Recipe(), 0, silent)


def resnet(size: int) -> DescribedModel:
    model = DescribedModel(modelformat.parse(catalogue.resnet18((1, size, size), 2)))
    load(model, drawn_model(model.description, 0))
    return model


def test_one_image_that_cannot_be_normalised_is_an_error_with_its_cause() -> None:
    for count, batch in ((1, 4), (3, 1)):
        images = Images(np.full((count, 1, 28, 28), 9, np.uint8), np.zeros(count, np.int64))
        with pytest.raises(DataError, match="a batch of 1 image leaves one value of a channel") as caught:
            train(resnet(28), images, Recipe(batch=batch), 0, silent)
        assert "--batch" in caught.value.remedy


def test_one_image_is_enough_where_nothing_is_normalised() -> None:
    train(mlp(), Images(np.full((1, 1, 8, 8), 9, np.uint8), np.zeros(1, np.int64)), Recipe(batch=4), 0, silent)
