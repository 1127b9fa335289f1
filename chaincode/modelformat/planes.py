# SPDX-License-Identifier: Apache-2.0
"""The form in which a chunk is stored: little-endian int32 values without the high bytes that only repeat the sign.

Blocks of 1024 values; a byte for each says how many low byte planes (0 to 4) hold all its values in two's complement;
then all blocks' lowest planes, all second ones where kept, and so on. No compressor's version can change a byte of it,
so endorsers on different hosts write the same, and every chunk has exactly one form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum import ModelError

__all__ = ["drop_planes", "restore_planes"]

BLOCK = 1024
_REMEDY = "Have the chunk stored again"

Bytes = npt.NDArray[np.uint8]


def drop_planes(chunk: bytes) -> bytes:
    """Give a chunk's stored form.

    Raises
    ------
    ModelError
        The chunk is no whole number of 32-bit values.
    """
    if len(chunk) % 4:
        raise ModelError(f"a chunk of {len(chunk)} bytes is no whole number of parameters", "Send packed parameters")
    values = _padded(np.frombuffer(chunk, "<i4"))
    counts = _counts(values)
    parts = [counts.tobytes()]
    bytes_of = values.astype("<i4", copy=False).view(np.uint8).reshape(-1, BLOCK, 4)
    for plane, sizes in enumerate(_lengths(counts, len(chunk) // 4)):
        kept = np.ascontiguousarray(bytes_of[counts > plane, :, plane]).reshape(-1)
        parts.append(kept[:sizes].tobytes())
    return b"".join(parts)


def restore_planes(stored: bytes, length: int) -> bytes:
    """Give the chunk of ``length`` bytes that a stored form stands for.

    Raises
    ------
    ModelError
        The bytes are not the form of any chunk of this length.
    """
    size = length // 4
    blocks = -(-size // BLOCK)
    counts = np.frombuffer(stored[:blocks], np.uint8)
    if length % 4 or len(counts) != blocks or (blocks and counts.max() > 4):
        raise ModelError("a stored chunk does not say which of its bytes are kept", _REMEDY)
    lengths = _lengths(counts, size)
    if len(stored) != blocks + sum(lengths):
        raise ModelError(f"a stored chunk has {len(stored)} bytes, not {blocks + sum(lengths)}", _REMEDY)
    bytes_of = np.zeros((blocks, BLOCK, 4), np.uint8)
    start = blocks
    for plane, kept in enumerate(lengths):
        mask = counts > plane
        rows = np.zeros(int(mask.sum()) * BLOCK, np.uint8)
        rows[:kept] = np.frombuffer(stored, np.uint8, kept, start)
        start += kept
        bytes_of[mask, :, plane] = rows.reshape(-1, BLOCK)
    values = bytes_of.reshape(-1).view("<i4").reshape(blocks, BLOCK)
    shift = (32 - 8 * counts.astype(np.int32))[:, None]
    extended = np.where(shift == 32, 0, (values << np.minimum(shift, 31)) >> np.minimum(shift, 31))
    chunk = extended.astype("<i4").reshape(-1)[:size].tobytes()
    if not np.array_equal(_counts(_padded(np.frombuffer(chunk, "<i4"))), counts):
        raise ModelError("a stored chunk keeps more bytes than its values need", _REMEDY)
    return chunk


def _padded(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Give whole blocks (n, 1024), the last one filled up with zeros."""
    return np.pad(values, (0, -len(values) % BLOCK)).reshape(-1, BLOCK)


def _counts(values: npt.NDArray[np.int32]) -> Bytes:
    """Give the number of planes each block needs: 0 where all values are 0."""
    reach = np.maximum(values.max(axis=1, initial=0), -1 - values.min(axis=1, initial=0)).astype(np.int64)
    counts = sum((reach >= 1 << (8 * planes - 1)).astype(np.uint8) for planes in (1, 2, 3))
    filled: Bytes = (counts + (values != 0).any(axis=1)).astype(np.uint8)
    return filled


def _lengths(counts: Bytes, size: int) -> list[int]:
    """Give the bytes of each plane; the last block may be shorter."""
    missing = -size % BLOCK
    return [
        int((counts > plane).sum()) * BLOCK - (missing if len(counts) and counts[-1] > plane else 0)
        for plane in range(4)
    ]
