# SPDX-License-Identifier: Apache-2.0
"""Makes a hospital's updates with PyTorch from its own images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from medquorum.clients.attacks.occasion import Behaviour, Occasion, Raw, honest
from medquorum.clients.data.images import Images
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.training import parameters
from medquorum.clients.training.inputs import check_images
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.train import Recipe, accuracy, seed_of, train
from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task

__all__ = ["Conduct", "LocalTraining", "Trainer"]


@dataclass(frozen=True)
class LocalTraining:
    """How a hospital trains: its images, those it tests on, the recipe, a seed, and how many threads."""

    images: Images = field(repr=False)
    recipe: Recipe
    test: Images | None = field(default=None, repr=False)
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Conduct:
    """What a hospital makes of its training.

    Attributes
    ----------
    accomplice
        The folder of another hospital's updates of this task, for an attack that follows it.
    """

    behaviour: Behaviour = honest
    accomplice: Path | None = None


class Trainer:
    """Trains on a hospital's images; the same (task, round, MSP, seed) gives the same update on a CPU."""

    def __init__(
        self,
        task: Task,
        msp: str,
        training: LocalTraining,
        report: Report,
        control: LoopControl,
        conduct: Conduct | None = None,
    ) -> None:
        """Check the images against the task's model; raises DataError where they are not the model's."""
        torch.set_num_threads(training.threads)
        chosen = Conduct() if conduct is None else conduct
        self._task = task
        self._msp = msp
        self._images = training.images
        self._recipe = training.recipe
        self._report = report
        self._control = control
        self._seed = training.seed
        self._behaviour = chosen.behaviour
        self._test = training.test
        self._accomplice = None if chosen.accomplice is None else UpdateStore(chosen.accomplice)
        self._model = DescribedModel(modelformat.parse(task.model))
        for images in (training.images, *([] if training.test is None else [training.test])):
            check_images(self._model.description, images)  # now, not after the first round has opened
        self._bases: dict[int, Raw] = {}

    def update(self, round_number: int, base: bytes, store: UpdateStore) -> bytes | None:
        """Make the round's packed update from the packed base model; None when it cannot be made yet.

        Raises
        ------
        Stopped
            The process was asked to stop.
        ModelError
            Training diverged.
        DataError
            The images are not the model's.
        """
        seed = seed_of(self._task.task, round_number, self._msp, self._seed)
        self._bases[round_number] = parameters.flatten(base)
        before = self._bases.get(round_number - 1)
        self._bases = {number: kept for number, kept in self._bases.items() if number >= round_number - 1}
        occasion = Occasion(
            round=round_number,
            base=self._bases[round_number],
            images=self._images,
            classes=self._model.description.classes,
            random=np.random.default_rng(seed),
            train=lambda images: self._trained(round_number, base, images, seed),
            earlier=lambda: _flat(store, None),
            accomplices=lambda: None if self._accomplice is None else _flat(self._accomplice, round_number),
            before=lambda: before,
        )
        made = self._behaviour(occasion)
        return None if made is None else parameters.pack_flat(self._model.description, made)

    def quality(self, packed: bytes) -> dict[str, float]:
        """Return the accuracy of a packed model on the test images; nothing without any."""
        if self._test is None:
            return {}
        parameters.load(self._model, packed)
        return {"accuracy": round(accuracy(self._model, self._test), 6)}

    def oldest_needed(self, round_number: int) -> int:
        """Return the first round whose update must stay on disk when ``round_number`` comes next."""
        return round_number - 1 if self._behaviour is honest else 1

    def _trained(self, round_number: int, base: bytes, images: Images, seed: int) -> Raw:
        parameters.load(self._model, base)

        def progress(done: int, total: int) -> None:
            self._control.check()
            if done == total or done % max(1, total // 10) == 0:
                self._report.progress("training", done, total, round=round_number)

        with self._report.phase("training", round=round_number, images=len(images)):
            train(self._model, images, self._recipe, seed, progress)
        return parameters.flatten(parameters.parameters_of(self._model))


def _flat(store: UpdateStore, round_number: int | None) -> Raw | None:
    stored = store.first() if round_number is None else store.load(round_number)
    return None if stored is None else parameters.flatten(stored.packed)
