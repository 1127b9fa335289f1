# SPDX-License-Identifier: Apache-2.0
"""Packed models: int32 in layout order, 4 MiB chunks, the model hash (docs/reference/model-store.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.core.model.description import ModelDescription
from medquorum.core.model.layout import check_tensors, layout, parameters
from medquorum.errors import ModelError, RangeError

__all__ = ["CHUNK_BYTES", "Tensors", "chunk_hashes", "chunk_lengths", "model_hash", "pack", "split", "unpack"]

CHUNK_BYTES = 4 << 20
_TAG = b"medquorum model v1"

Tensors: TypeAlias = dict[str, npt.NDArray[np.int32]]


def pack(description: ModelDescription, tensors: Mapping[str, npt.NDArray[np.integer]]) -> bytes:
    """Return a model's bytes: all tensors in layout order, row-major, int32 little-endian.

    Raises
    ------
    ModelError
        The tensors are not the layout's.
    RangeError
        A value does not fit into 32 bits.
    """
    check_tensors(description, tensors)
    for name, values in tensors.items():
        if values.size and (values.max() >= 1 << 31 or values.min() < -(1 << 31)):
            raise RangeError(f"tensor {name} holds a value beyond 32 bits", "Check the training for divergence")
    return b"".join(tensors[spec.name].astype("<i4").tobytes() for spec in layout(description))


def unpack(description: ModelDescription, raw: bytes) -> Tensors:
    """Return a packed model's tensors as read-only int32 views of ``raw``.

    Raises
    ------
    ModelError
        The length is not exactly four bytes for each parameter.
    """
    expected = 4 * parameters(description)
    if len(raw) != expected:
        raise ModelError(
            f"a packed model has {len(raw)} bytes instead of {expected}",
            "Pack it with medquorum.core.model.pack for the task's description",
        )
    flat = np.frombuffer(raw, dtype="<i4")
    tensors: Tensors = {}
    start = 0
    for spec in layout(description):
        tensors[spec.name] = flat[start : start + spec.size].reshape(spec.shape)
        start += spec.size
    return tensors


def split(raw: bytes) -> list[bytes]:
    """Cut packed bytes into chunks of 4 MiB, the last one shorter."""
    return [raw[start : start + CHUNK_BYTES] for start in range(0, len(raw), CHUNK_BYTES)]


def chunk_lengths(description: ModelDescription) -> list[int]:
    """Return the byte length of each chunk of a packed model of this description."""
    total = 4 * parameters(description)
    return [min(CHUNK_BYTES, total - start) for start in range(0, total, CHUNK_BYTES)]


def chunk_hashes(raw: bytes) -> list[str]:
    """Return the hex SHA-256 of each chunk."""
    return [sha256(chunk).hexdigest() for chunk in split(raw)]


def model_hash(layout: str, chunks: Sequence[str]) -> str:
    """Return SHA-256("medquorum model v1" ‖ layout hash ‖ chunk hashes) in hex, from hex hashes.

    Raises
    ------
    ModelError
        A hash is not 64 hex digits or there is no chunk.
    """
    digest = sha256(_TAG)
    for item in (layout, *chunks):
        try:
            raw = bytes.fromhex(item)
        except ValueError as error:
            raise ModelError(f"{item!r:.80} is not a hash", "Give 64 lower-case hex digits") from error
        if len(raw) != 32:
            raise ModelError(f"{item!r:.80} is not a SHA-256 hash", "Give 64 lower-case hex digits")
        digest.update(raw)
    if not chunks:
        raise ModelError("a model without chunks has no hash", "Give the hash of each chunk")
    return digest.hexdigest()
