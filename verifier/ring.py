# SPDX-License-Identifier: Apache-2.0
"""Arrays over Z_2^64 held as int64, their products, and their bytes on the wire reduced to Z_2^bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from chaincode.fixedpoint import IntArray
from medquorum import ProtocolError

__all__ = ["byte_width", "matmul", "pack", "reduce", "unpack"]


def byte_width(bits: int) -> int:
    """Give the bytes one element of Z_2^bits takes on the wire."""
    return (bits + 7) // 8


def reduce(values: IntArray, bits: int) -> IntArray:
    """Reduce modulo 2^bits: to [0, 2^bits) below 64 bits, unchanged at 64."""
    return values if bits == 64 else values & np.int64((1 << bits) - 1)


def matmul(left: IntArray, right: IntArray) -> IntArray:
    """Multiply matrices modulo 2^64 (torch's integer product: ten times numpy's speed, exact because it wraps)."""
    result: IntArray = torch.matmul(torch.from_numpy(left), torch.from_numpy(right)).numpy()
    return result


def pack(values: IntArray, bits: int) -> bytes:
    """Give the low bytes of every element, little-endian, ``byte_width(bits)`` each."""
    width = byte_width(bits)
    flat = np.ascontiguousarray(values).reshape(-1)
    if width == 8:
        return flat.tobytes()
    if width in (1, 2, 4):
        return flat.astype(f"<u{width}").tobytes()
    if width == 6:
        return flat.view("<u2").reshape(-1, 4)[:, :3].tobytes()
    return flat.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()


def unpack(raw: bytes | memoryview, shape: Sequence[int], bits: int) -> IntArray:
    """Read what :func:`pack` wrote, as elements of [0, 2^(8·width)).

    Raises
    ------
    ProtocolError
        The length does not fit the shape.
    """
    width = byte_width(bits)
    count = int(np.prod(shape, dtype=np.int64))
    if len(raw) != count * width:
        raise ProtocolError(
            f"a message of {len(raw)} bytes came where {count * width} were due",
            "Check that both parties and the dealer run the same version on the same task",
        )
    if width in (1, 2, 4, 8):
        kind: npt.DTypeLike = "<i8" if width == 8 else f"<u{width}"
        return np.frombuffer(raw, dtype=kind).astype(np.int64).reshape(shape)
    result = np.zeros(count, dtype=np.int64)
    if width == 6:
        result.view("<u2").reshape(-1, 4)[:, :3] = np.frombuffer(raw, dtype="<u2").reshape(-1, 3)
    else:
        result.view(np.uint8).reshape(-1, 8)[:, :width] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
    return result.reshape(shape)
