# SPDX-License-Identifier: Apache-2.0
"""Reads the bytes a computation needs from the ledger and checks them against the hashes that bind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medquorum.chaincode.context import Context, sha256
from medquorum.chaincode.jobs import DataRequest
from medquorum.chaincode.state.chunks import get_chunk
from medquorum.chaincode.state.updates import COLLECTION, private_key
from medquorum.core.documents.model import Model
from medquorum.core.documents.root import Root
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update, chunk_of
from medquorum.errors import ContractError, ModelError

__all__ = ["data_loader"]


def data_loader(context: Context, task: Task, round_: Round) -> Callable[[DataRequest], bytes]:
    """Make the function that reads models by hash and the round's updates by hospital, for one transaction."""

    def load(request: DataRequest) -> bytes:
        if request.kind == "model":
            return _model(context, request.name)
        if request.kind == "root":
            return _root(context, task, round_)
        return _update(context, task, round_, request.name)

    return load


def _model(context: Context, name: str) -> bytes:
    manifest = context.get(Model, name)
    chunks = []
    for index, expected in enumerate(manifest.chunks):
        chunk = get_chunk(context, manifest, index)
        if chunk is None or sha256(chunk) != expected:
            raise ContractError(
                "DATA_MISSING",
                f"chunk {index} of the model {name} is not on this peer",
                "Wait for its peer to fetch it",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _update(context: Context, task: Task, round_: Round, hospital: str) -> bytes:
    """Read a candidate's parameters without the salts."""
    update = context.get(Update, task.task, round_.round, hospital)
    if update.chunks is None or update.commitment != round_.commitments[hospital]:
        raise ContractError("DATA_MISSING", f"the update of {hospital} is not the one round {round_.round} froze")
    return _parameters(context, task, round_, hospital, update.chunks)


def _root(context: Context, task: Task, round_: Round) -> bytes:
    """Read the round's root update without the salts."""
    root = context.get(Root, task.task, round_.round)
    return _parameters(context, task, round_, root.verifier, root.chunks or [])


def _parameters(context: Context, task: Task, round_: Round, author: str, hashes: Sequence[str]) -> bytes:
    chunks, sizes = [], task.chunk_sizes
    for index, expected in enumerate(hashes):
        key = private_key(context, task.task, round_.round, author, index)
        value = context.private(COLLECTION, key)
        if value is None or sha256(value) != expected:
            raise ContractError(
                "DATA_MISSING",
                f"chunk {index} of the update of {author} is not on the peer of {context.node.msp_id} yet",
                "Ask again: the peer fetches private data from the other verifiers",
            )
        try:
            chunks.append(chunk_of(value, sizes[index]))
        except ModelError:
            return b""  # of no model's length: the rules find it MALFORMED, on every verifier
    return b"".join(chunks)
