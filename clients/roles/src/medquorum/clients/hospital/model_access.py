# SPDX-License-Identifier: Apache-2.0
"""What a hospital does with the common model: look where the task stands, check a model, classify its own images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.data.images import Images
from medquorum.clients.data.npz import read_arrays
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import check_round, fetch_model
from medquorum.clients.ledger.round_status import result_of
from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum.errors import DataError

__all__ = ["classify", "model_of_round", "takes_updates", "task_status"]


def task_status(ledger: Ledger, task: str) -> dict[str, Any]:
    """Return where a task stands for the own hospital: the round, its update and verdict, its score so far."""
    status = ledger.current_status(task)
    score = ledger.value("ReadScores", task).get(ledger.msp)
    if status is None or status.round is None:
        return {"task": task, "round": 0, "state": "not begun", "score": score}
    verdict = status.verdicts.get(ledger.msp)
    return {
        "task": task,
        "round": status.round.round,
        "state": status.round.state,
        "submitted": ledger.msp in status.updates,
        "accepted": None if verdict is None else verdict.accepted,
        "reason": None if verdict is None else verdict.reason,
        "score": score,
    }


def takes_updates(ledger: Ledger, task: str, round_number: int) -> bool:
    """Return whether a round is open."""
    round_ = ledger.current_round(task)
    return round_ is not None and (round_.round, round_.state) == (round_number, "open")


def model_of_round(ledger: Ledger, task: Task, round_number: int | None) -> tuple[str, bytes]:
    """Fetch and check the model a round ended with; 0 is the initial one, None the latest.

    Raises
    ------
    CheckFailed
        A chunk, manifest, hash, layout, base or attestation is not what the ledger promises.
    """
    round_ = ledger.current_round(task.task) if round_number is None else None
    if round_number:
        round_ = ledger.round(task.task, round_number)
    if round_ is None:
        return task.initial_model, fetch_model(ledger, task, task.initial_model)
    check_round(ledger, task, round_)
    model = result_of(round_)
    return model, fetch_model(ledger, task, model)


def classify(task: Task, packed: bytes, path: Path, max_bytes: int | None = None) -> dict[str, Any]:
    """Classify the images of an npz file.

    Returns
    -------
    ``classes`` of every image and, where the file has labels, ``accuracy``.

    Raises
    ------
    DataError
        The file holds no images, or others than the model takes.
    """
    from medquorum.clients.training import parameters  # torch takes seconds to import
    from medquorum.clients.training.module import DescribedModel
    from medquorum.clients.training.train import predict

    arrays = read_arrays(path, max_bytes)
    if "images" not in arrays:
        raise DataError(f"{path} has no array named images", "Store uint8 images (n, h, w) under that name")
    pixels, labels = arrays["images"], arrays.get("labels")
    images = Images.from_arrays(pixels, np.zeros(pixels.shape[:1], int) if labels is None else labels)
    model = DescribedModel(modelformat.parse(task.model))
    parameters.load(model, packed)
    classes = predict(model, images)
    accuracy = None if labels is None else float(np.mean(classes == images.labels))
    return {"images": len(images), "accuracy": accuracy, "classes": classes.tolist()}
