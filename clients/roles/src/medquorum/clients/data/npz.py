# SPDX-License-Identifier: Apache-2.0
"""npz files, as somebody else may have made them: no more memory is taken than the file says it has arrays for."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from medquorum.errors import DataError

__all__ = ["read_arrays", "too_large"]

LARGEST = 16 << 30
"""Bytes of all arrays of a file, where --max-bytes says nothing."""
SMALL = 64 << 20
MOST_PACKED = 100
"""How many bytes one packed byte may stand for in a file that is not small; images do not come near."""
ENCRYPTED = 1
"""A zip entry's flag."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_WRITE = "store the arrays with numpy.savez_compressed"
_REMEDY = f"Fetch the file again, or {_WRITE}"


def read_arrays(path: Path, max_bytes: int | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an npz file that hold images, inputs, labels or groups, none of them pickled.

    Parameters
    ----------
    max_bytes
        The most they may hold, unpacked; by default what a packed file of this size may hold, at most 16 GiB.

    Raises
    ------
    DataError
        The file is missing, cut off, no npz file, holds Python objects, more than it may, or than the memory takes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            wanted = {
                name: entry
                for name, entry in members.items()
                if name.endswith(("images", "inputs", "labels", "groups"))
            }
            most = min(LARGEST, max(SMALL, MOST_PACKED * path.stat().st_size)) if max_bytes is None else max_bytes
            if (size := sum(_size(archive, entry) for entry in wanted.values())) > most:
                raise too_large(path, size, most)
            return {name: _array(archive, entry) for name, entry in wanted.items()}
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(
            f"{path} does not fit into the memory: {error}", "Divide the file, or take less of it"
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", "Give the path of an npz file") from error
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", "Give the path of an npz file that you may read"
        ) from error
    except Exception as error:  # zip, deflate, header: each has its own, and some more
        raise DataError(f"{path} cannot be read as an npz file: {error or type(error).__name__}", _REMEDY) from error


def too_large(path: Path, size: int, most: int) -> DataError:
    """Return the error of a file that holds more than may be read."""
    return DataError(
        f"{path} says it holds {size} bytes, at most {most} are read",
        f"If you trust it, read it with --max-bytes {size}; otherwise divide it or fetch it again",
    )


def _size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Return the bytes of an array, by its header; checked against what the file holds for it."""
    named = f"{archive.filename}: {entry.filename}"
    if entry.flag_bits & ENCRYPTED:
        raise DataError(f"{named} is encrypted", f"Unpack it with its password, and {_WRITE}")
    with archive.open(entry) as stream:
        shape, dtype = _header(stream)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise DataError(f"{named} holds Python objects, which cannot be read", "Store numbers or texts")
        if min(shape, default=0) < 0 or size != entry.file_size - stream.tell():
            raise DataError(f"{named} cannot be read: its header says {size} bytes", _REMEDY)
    return size


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(entry) as stream:
        array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise DataError(f"an array of format {version} cannot be read", _REMEDY)
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype
