# SPDX-License-Identifier: Apache-2.0
"""MNIST's idx files (yann.lecun.com/exdb/mnist), plain or gzipped."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medquorum.errors import DataError

__all__ = ["read_idx", "read_mnist"]

UNSIGNED_BYTE = 0x08
LARGEST = 1 << 31
MOST_AXES = 4
HEADER = 4 + 4 * 255


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an idx file of unsigned bytes.

    Parameters
    ----------
    path
        The file without ``.gz``; the gzipped one beside it is taken when only that exists.

    Returns
    -------
    uint8 array of the shape the file's header gives.

    Raises
    ------
    DataError
        The file is missing, cut off, too long, or not an idx file of bytes.
    """
    raw = _raw(path)
    if len(raw) < 4 or raw[:3] != bytes((0, 0, UNSIGNED_BYTE)) or len(raw) < 4 + 4 * raw[3]:
        raise DataError(f"{path} is not an idx file of unsigned bytes", "Fetch the file again")
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if len(shape) > MOST_AXES or not 0 < math.prod(shape) <= LARGEST or len(raw) != start + math.prod(shape):
        raise DataError(f"{path} holds {len(raw) - start} bytes, its header says {shape}", "Fetch the file again")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_mnist(folder: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read the images (n, 28, 28) and labels (n,) of one part: ``train`` or ``t10k``."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte")
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(f"{folder}: {part} has images {images.shape} and labels {labels.shape}")
    return images, labels


def _raw(path: Path) -> bytes:
    packed = path.with_name(path.name + ".gz")
    try:
        if path.exists():
            return path.read_bytes()
        with gzip.open(packed) as file:
            return file.read(LARGEST + HEADER)  # a few packed bytes may stand for any number
    except FileNotFoundError as error:
        raise DataError(
            f"neither {path} nor {packed.name} exists", "Give the folder of MNIST's four idx files with --data-dir"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", "Fetch the file again") from error
