# SPDX-License-Identifier: Apache-2.0
"""Models read back from the ledger and checked: chunk by chunk, then manifest, hash, layout and round."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus, result_of
from medquorum.core import model as modelformat
from medquorum.core.documents.aggregation.aggregate import nodes
from medquorum.core.documents.chunk import chunk_sizes
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import CheckFailed, ModelError

__all__ = ["check_manifest", "check_round", "fetch_model"]

PARALLEL = 2


def fetch_model(ledger: Ledger, task: Task, model: str) -> bytes:
    """Read a model of a task through the own organisation's peer and check it.

    Returns
    -------
    The packed parameters (int32, little-endian, in layout order).

    Raises
    ------
    CheckFailed
        A chunk, the manifest, its hash or layout is not what ``model`` promises; the cause says which.
    """
    manifest = ledger.manifest(model)
    check_manifest(manifest, task, model)

    def chunk(index: int) -> bytes:
        return _checked(ledger.model_chunk(model, index), manifest, index)

    with ThreadPoolExecutor(PARALLEL) as pool:
        packed = b"".join(pool.map(chunk, range(len(manifest.chunks))))
    if len(packed) != task.length:
        raise CheckFailed(
            f"model {model} has {len(packed)} bytes, the task's layout gives {task.length}", _REMEDY, check="chunk"
        )
    return packed


def check_manifest(manifest: Model, task: Task, model: str) -> None:
    """Check that a manifest is the one ``model`` is the hash of, and of the task's layout.

    Raises
    ------
    CheckFailed
        The manifest's own name, its hash, or its layout is another one, or the description's layout is not the task's.
    """
    layout = modelformat.layout_hash(modelformat.parse(task.model))
    if layout != task.layout:
        raise CheckFailed(
            f"the task {task.task} names the layout {task.layout}, its description has {layout}",
            _REMEDY,
            check="manifest",
        )
    if manifest.length != task.length:
        raise CheckFailed(
            f"the manifest of model {model} has {manifest.length} bytes, not {task.length}", _REMEDY, check="manifest"
        )
    if manifest.layout != layout:
        raise CheckFailed(
            f"the manifest of model {model} has the layout {manifest.layout}, not {layout}", _REMEDY, check="manifest"
        )
    computed = modelformat.model_hash(manifest.layout, manifest.chunks)
    if manifest.model != model or computed != model:
        raise CheckFailed(f"the manifest of model {model} describes the model {computed}", _REMEDY, check="manifest")


_REMEDY = "Do not use it: tell the consortium, and compare with another organisation's peer"


def _checked(stored: bytes, manifest: Model, index: int) -> bytes:
    try:
        chunk = modelformat.from_stored_form(stored, chunk_sizes(manifest.length)[index])
    except ModelError as error:
        raise CheckFailed(f"chunk {index} of model {manifest.model}: {error.cause}", _REMEDY, check="chunk") from error
    digest = hashlib.sha256(chunk).hexdigest()
    if digest != manifest.chunks[index]:
        raise CheckFailed(
            f"chunk {index} of model {manifest.model} is {digest}, not {manifest.chunks[index]}", _REMEDY, check="chunk"
        )
    return chunk


def check_round(ledger: Ledger, task: Task, round_: Round, status: RoundStatus | None = None) -> None:
    """Check that a round continues the one before it, and that its new model is attested as the contract asks.

    Parameters
    ----------
    status
        The round's, where it has been read already.

    Raises
    ------
    CheckFailed
        The base is not the result of the round before (the initial model in round 1), or too few nodes attest.
    """
    before = task.initial_model if round_.round == 1 else result_of(ledger.round(task.task, round_.round - 1))
    if round_.base != before:
        raise CheckFailed(
            f"round {round_.round} is based on {round_.base}, the one before ended with {before}",
            _REMEDY,
            check="round",
        )
    model = result_of(round_)
    if model == round_.base:
        return
    status = status or ledger.status(task.task, round_.round)
    result = status.result(task)
    if result is None or result.model != model:
        attestor = sum(aggregate.model == model for aggregate in status.aggregates.values())
        raise CheckFailed(
            f"round {round_.round} ended with {model}, attested by {attestor} of {', '.join(nodes(task))}: too few",
            _REMEDY,
            check="attestation",
        )
