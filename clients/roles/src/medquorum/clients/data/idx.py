# SPDX-License-Identifier: Apache-2.0
"""MNIST's idx files (yann.lecun.com/exdb/mnist), plain or gzipped."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.npz import too_large
from medquorum.errors import DataError

__all__ = ["read_idx", "read_mnist"]

UNSIGNED_BYTE = 0x08
LARGEST = 1 << 31
MOST_AXES = 4


def read_idx(path: Path, max_bytes: int | None = None) -> npt.NDArray[np.uint8]:
    """Read an idx file of unsigned bytes.

    Parameters
    ----------
    path
        The file without ``.gz``; the gzipped one beside it is taken when only that exists.
    max_bytes
        The most pixels it may hold; by default 2^31.

    Returns
    -------
    uint8 array of the shape the file's header gives.

    Raises
    ------
    DataError
        The file is missing, cut off, too long, or not an idx file of bytes.
    """
    most = LARGEST if max_bytes is None else max_bytes
    packed = path.with_name(path.name + ".gz")
    try:
        with path.open("rb") if path.exists() else gzip.open(packed) as file:
            shape = _shape(path, cast(IO[bytes], file), most)
            raw = file.read(math.prod(shape) + 1)  # a few packed bytes may stand for any number
    except FileNotFoundError as error:
        raise DataError(
            f"neither {path} nor {packed.name} exists", "Give the folder of MNIST's four idx files with --data-dir"
        ) from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into the memory", "Give a smaller file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", "Fetch the file again") from error
    if len(raw) != math.prod(shape):
        raise DataError(f"{path} holds other than the {shape} that its header says", "Fetch the file again")
    return np.frombuffer(raw, np.uint8).reshape(shape)


def read_mnist(
    folder: Path, part: str, max_bytes: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read the images (n, 28, 28) and labels (n,) of one part: ``train`` or ``t10k``."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte", max_bytes)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte", max_bytes)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{folder}: {part} has images {images.shape} and labels {labels.shape}",
            "Fetch both files again: they are of one set, a label for each image",
        )
    return images, labels


def _shape(path: Path, file: IO[bytes], most: int) -> list[int]:
    """Read the header; return the shape of what comes after it."""
    kind = file.read(4)
    axes = kind[3] if len(kind) == 4 and kind[:3] == bytes((0, 0, UNSIGNED_BYTE)) else 0
    sizes = file.read(4 * axes)
    shape = [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * axes, 4)]
    if not 1 <= axes <= MOST_AXES or len(sizes) != 4 * axes or not math.prod(shape):
        raise DataError(f"{path} is not an idx file of unsigned bytes", "Fetch the file again")
    if (size := math.prod(shape)) > most:
        raise too_large(path, size, most)
    return shape
