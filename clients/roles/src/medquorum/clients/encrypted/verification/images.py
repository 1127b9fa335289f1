# SPDX-License-Identifier: Apache-2.0
"""P0's private verification set, and how well a public model does on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import AccuracyCounts, check_labels, compile_model, count_correct, entry_of
from medquorum.core.inference.entry import Images
from medquorum.core.model import Tensors
from medquorum.errors import DataError, ModelError

__all__ = ["PrivateImages", "mounted"]


class PrivateImages:
    """The images of one task; they leave this process only masked.

    Raises
    ------
    DataError
        The file is not the set the task is committed to, or its inputs or labels do not fit the task's model.
    """

    def __init__(self, path: Path, task: Task) -> None:
        self._set = VerificationSet.read(path)
        self._description = modelformat.parse(task.model)
        if self._set.commitment() != task.dataset or len(self._set.images) != task.dataset_size:
            raise DataError(
                f"{path} has the commitment {self._set.commitment()}, the task {task.task} names {task.dataset}",
                "Mount the file that was committed to when the task was created",
            )
        try:
            entry_of(self._description).checked(self._set.images)
            check_labels(self._description.output, self._set.labels, len(self._set.images))
        except ModelError as error:
            raise DataError(f"{path} does not fit the model: {error.cause}", error.remedy) from error

    @property
    def images(self) -> Images:
        """(n, h, w) or (n, h, w, c)."""
        return self._set.images

    @property
    def labels(self) -> IntArray:
        """(n,), or (n, labels)."""
        return self._set.labels.astype(np.int64)

    def count_correct(self, model: Tensors) -> AccuracyCounts:
        """Evaluate a public model."""
        program = compile_model(self._description, model, lambda_numerator=1, lambda_bits=0)
        return count_correct(program, self._set.images, self._set.labels)


def mounted(path: Path, task: Task) -> tuple[PrivateImages | None, DataError | None]:
    """Return the task's images, or why they are not there: then every round is to say so on the ledger."""
    try:
        return PrivateImages(path, task), None
    except DataError as error:
        return None, error
