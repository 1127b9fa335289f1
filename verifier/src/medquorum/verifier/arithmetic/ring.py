# SPDX-License-Identifier: Apache-2.0
"""Arrays over Z_2^64 held as int64, their products, and their bytes on the wire reduced to Z_2^bits."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from math import prod

import numpy as np
import numpy.typing as npt
import torch

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic.kernels.library import library

__all__ = ["byte_width", "low_bytes", "matmul", "pack", "pack_sum", "reduce", "unpack", "unpack_sum"]

_FEW = 32


def byte_width(bits: int) -> int:
    """Return the bytes one element of Z_2^bits takes on the wire."""
    return (bits + 7) // 8


def reduce(values: IntArray, bits: int) -> IntArray:
    """Reduce modulo 2^bits: to [0, 2^bits) below 64 bits, unchanged at 64."""
    return values if bits == 64 else values & np.int64((1 << bits) - 1)


def matmul(left: IntArray, right: IntArray) -> IntArray:
    """Multiply matrices modulo 2^64 (torch's integer product: ten times numpy's speed, exact because it wraps).

    It is slow where the result has few columns: then the transposed product is three times faster.
    """
    first, second = torch.from_numpy(left), torch.from_numpy(right)
    if right.shape[1] < _FEW:
        product = torch.matmul(second.T.contiguous(), first.T.contiguous()).T
    else:
        product = torch.matmul(first, second)
    result: IntArray = product.numpy()
    return result


def pack(values: IntArray, bits: int) -> bytes:
    """Return the low bytes of every element, little-endian, ``byte_width(bits)`` each."""
    return low_bytes(values, bits).tobytes()


def low_bytes(values: IntArray, bits: int) -> npt.NDArray[np.uint8]:
    """Return what :func:`pack` gives as an array."""
    flat = np.ascontiguousarray(values, dtype="<i8").reshape(-1)
    kernels = library()
    if kernels is not None:
        result = np.empty(flat.size * byte_width(bits), dtype=np.uint8)
        kernels.call("pack", flat, result, flat.size, byte_width(bits))
        return result
    return np.ascontiguousarray(flat.view(_low(byte_width(bits)))["low"]).view(np.uint8)


def pack_sum(first: IntArray, second: IntArray, bits: int) -> bytes:
    """Return what :func:`pack` gives of first + second, in one pass."""
    kernels = library()
    if kernels is None:
        return pack(first + second, bits)
    flat = [np.ascontiguousarray(part).reshape(-1) for part in (first, second)]
    result = _new_bytes(flat[0].size * byte_width(bits))
    kernels.call("pack_sum", *flat, np.frombuffer(result, dtype=np.uint8), flat[0].size, byte_width(bits))
    return result


def unpack_sum(raw: bytes | memoryview, first: IntArray, second: IntArray, bits: int) -> IntArray:
    """Return first + second + what :func:`pack` wrote, reduced modulo 2^bits, in one pass; raises as :func:`unpack`."""
    kernels = library()
    if kernels is None:
        return reduce(first + second + unpack(raw, first.shape, bits), bits)
    _check_length(raw, first.size, bits)
    flat = [np.ascontiguousarray(part).reshape(-1) for part in (first, second)]
    result = np.empty(first.size, dtype=np.int64)
    read = np.frombuffer(raw, dtype=np.uint8)
    kernels.call("unpack_sum", read, *flat, result, first.size, byte_width(bits), bits)
    return result.reshape(first.shape)


def unpack(raw: bytes | memoryview, shape: Sequence[int], bits: int) -> IntArray:
    """Read what :func:`pack` wrote, as elements of [0, 2^(8·width)).

    Raises
    ------
    ProtocolError
        The length does not fit the shape.
    """
    width = byte_width(bits)
    count = prod(shape)
    _check_length(raw, count, bits)
    kernels = library()
    if kernels is not None:
        values = np.empty(count, dtype=np.int64)
        kernels.call("unpack", np.frombuffer(raw, dtype=np.uint8), values, count, width)
        return values.reshape(shape)
    result = np.zeros(count, dtype="<i8")
    result.view(_low(width))["low"] = np.frombuffer(raw, dtype=f"V{width}")
    return result.reshape(shape)


def _check_length(raw: bytes | memoryview, count: int, bits: int) -> None:
    due = count * byte_width(bits)
    if len(raw) != due:
        raise ProtocolError(
            f"a message of {len(raw)} bytes came where {due} were due",
            "Check that both parties and the dealer run the same version on the same task",
        )


def _new_bytes(count: int) -> bytes:
    """Return a new object of so many bytes for a kernel to fill, before anybody else has it."""
    made: bytes = _allocate(None, count)
    return made


_allocate = ctypes.pythonapi.PyBytes_FromStringAndSize
_allocate.restype = ctypes.py_object
_allocate.argtypes = [ctypes.c_char_p, ctypes.c_ssize_t]


@cache
def _low(width: int) -> np.dtype[np.void]:
    """Return the type that sees the low bytes of an 8-byte element."""
    return np.dtype({"names": ["low"], "formats": [f"V{width}"], "offsets": [0], "itemsize": 8})
