# SPDX-License-Identifier: Apache-2.0
"""The form in which a chunk is stored: int32 values without the leading bits that only repeat the sign.

Blocks of 128 values, the last one filled up with zeros; a byte for each says how many low bits, 0 to 32, hold all its
values in two's complement. Then the blocks of one bit, of two and so on, each group's lowest bytes, its next ones, and
at last plane by plane the bits that fill no byte, eight values to a byte, the first one lowest. No compressor's version
can change a byte of it, so endorsers on different hosts write the same, and every chunk has exactly one form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.errors import ModelError

__all__ = ["from_stored_form", "stored_form"]

BLOCK = 128
BITS = 32
_REMEDY = "Have the chunk stored again"

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.int32]


def stored_form(chunk: bytes) -> bytes:
    """Return a chunk's stored form.

    Raises
    ------
    ModelError
        The chunk is no whole number of 32-bit values.
    """
    if len(chunk) % 4:
        raise ModelError(f"a chunk of {len(chunk)} bytes is no whole number of parameters", "Send packed parameters")
    values = np.frombuffer(chunk, "<i4")
    blocks = np.pad(values, (0, -len(values) % BLOCK)).reshape(-1, BLOCK)
    widths = _widths(blocks)
    parts = [widths.tobytes()]
    for width in range(1, BITS + 1):
        chosen = widths == width
        if chosen.any():
            parts.extend(_narrowed(blocks[chosen], width))
    return b"".join(parts)


def from_stored_form(stored: bytes, length: int) -> bytes:
    """Return the chunk of ``length`` bytes that a stored form stands for.

    Raises
    ------
    ModelError
        The bytes are not the form of any chunk of this length.
    """
    size = length // 4
    count = -(-size // BLOCK)
    widths = np.frombuffer(stored[:count], np.uint8)
    if length % 4 or len(widths) != count or (widths > BITS).any():
        raise ModelError("a stored chunk does not say which of its bits are kept", _REMEDY)
    needed = count + int(widths.sum(dtype=np.int64)) * BLOCK // 8
    if len(stored) != needed:
        raise ModelError(f"a stored chunk has {len(stored)} bytes, not {needed}", _REMEDY)
    blocks = np.zeros((count, BLOCK), "<i4")
    start = count
    for width in range(1, BITS + 1):
        chosen = widths == width
        end = start + int(chosen.sum()) * width * BLOCK // 8
        if end > start:
            blocks[chosen] = _widened(np.frombuffer(stored, np.uint8)[start:end], width)
        start = end
    if not np.array_equal(_widths(blocks), widths) or blocks.reshape(-1)[size:].any():
        raise ModelError("a stored chunk keeps more bits than its values need", _REMEDY)
    return blocks.reshape(-1)[:size].tobytes()


def _widths(blocks: Values) -> Bytes:
    """Return the low bits that each block (n, 128) needs: 0 where all values are 0."""
    reach = np.maximum(blocks.max(axis=1), -1 - blocks.min(axis=1))
    signed = 1 + np.searchsorted(np.int64(1) << np.arange(BITS - 1), reach, side="right")
    return np.where(blocks.any(axis=1), signed, 0).astype(np.uint8)


def _narrowed(blocks: Values, width: int) -> list[bytes]:
    """Return the low bits of blocks (n, 128): whole bytes, then single planes."""
    bytes_of = blocks.view(np.uint8).reshape(-1, 4)
    whole, rest = divmod(width, 8)
    kept = [bytes_of[:, place].tobytes() for place in range(whole)]
    if rest:
        top = np.ascontiguousarray(bytes_of[:, whole])
        kept += [np.packbits((top >> bit) & 1, bitorder="little").tobytes() for bit in range(rest)]
    return kept


def _widened(kept: Bytes, width: int) -> Values:
    """Return the blocks (n, 128) of which these are the low bits."""
    count = len(kept) * 8 // width
    whole, rest = divmod(width, 8)
    bytes_of = np.zeros((count, 4), np.uint8)
    bytes_of[:, :whole] = kept[: whole * count].reshape(whole, count).T
    if rest:
        planes = np.unpackbits(kept[whole * count :].reshape(rest, -1), axis=1, bitorder="little")
        top = planes[0]
        for bit in range(1, rest):
            top |= planes[bit] << bit
        bytes_of[:, whole] = top
    shift = BITS - width
    widened: Values = (bytes_of.view("<i4").reshape(-1, BLOCK) << shift) >> shift
    return widened
