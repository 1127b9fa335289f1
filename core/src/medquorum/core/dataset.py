# SPDX-License-Identifier: Apache-2.0
"""The verification set: a safetensors file every verifier mounts, bound to the task by a salted commitment."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from medquorum.errors import DataError

__all__ = ["SALT_BYTES", "VerificationSet"]

SALT_BYTES = 32
_TAG = b"medquorum verification set v1"
_TYPED_TAG = b"medquorum verification set v2"
_TYPES = ("uint8", "int16", "int32")
_REMEDY = "Write it again with VerificationSet(...).write, or fetch the file from the organisation that made it"


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """Images, labels and the salt of their commitment.

    Attributes
    ----------
    images
        Array of uint8, int16 or int32 (n, h, w) or (n, h, w, c): images, or other inputs.
    labels
        Array of uint8 (n,), each below ``classes``; or (n, classes) of 0 and 1, where each input has several labels.
    classes
        2 to 256; of several labels at most 128.
    salt
        32 bytes, drawn with :func:`new_salt` once for a set.

    Raises
    ------
    DataError
        The arrays have other shapes or types, a label is too large, or there is no image.
    """

    images: npt.NDArray[Any]
    labels: npt.NDArray[np.uint8]
    classes: int
    salt: bytes

    def __post_init__(self) -> None:
        if str(self.images.dtype) not in _TYPES or self.images.ndim not in (3, 4) or 0 in self.images.shape:
            raise DataError(
                f"images of shape {self.images.shape} and type {self.images.dtype} are no verification set",
                "Give uint8, int16 or int32 images (n, height, width) or (n, height, width, channels), n >= 1",
            )
        several = self.labels.ndim == 2
        shape = (len(self.images), self.classes) if several else (len(self.images),)
        if self.labels.dtype != np.uint8 or self.labels.shape != shape:
            raise DataError(
                f"{self.labels.dtype} labels of shape {self.labels.shape} do not fit {len(self.images)} images",
                "Give one uint8 label for each image, or one for each image and label",
            )
        values, what = (2, "labels") if several else (self.classes, "classes")
        if not 2 <= self.classes <= (128 if several else 256) or int(self.labels.max()) >= values:
            raise DataError(
                f"label {int(self.labels.max())} does not belong to {self.classes} {what}",
                "Number the classes from 0 and give their count (2 to 256); several labels (2 to 128) are 0 or 1",
            )
        if len(self.salt) != SALT_BYTES:
            raise DataError(f"the salt has {len(self.salt)} bytes instead of {SALT_BYTES}", "Draw it with new_salt")

    def commitment(self) -> str:
        """Return the hex SHA-256 of tag ‖ salt ‖ shapes ‖ images ‖ labels.

        Shapes: the number of classes, the images' number of axes and every axis, each as 8 bytes big endian. Of inputs
        that are not uint8, or of several labels, another tag, and before the shapes the bytes of a number and the
        labels' number of axes.
        """
        numbers = [self.classes, self.images.ndim, *self.images.shape]
        typed = self.images.dtype != np.uint8 or self.labels.ndim != 1
        if typed:
            numbers = [self.images.itemsize, self.labels.ndim, *numbers]
        digest = sha256(
            (_TYPED_TAG if typed else _TAG) + self.salt + b"".join(number.to_bytes(8, "big") for number in numbers)
        )
        little = self.images.dtype.newbyteorder("<")
        digest.update(np.ascontiguousarray(self.images.astype(little, copy=False)).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def write(self, path: Path) -> None:
        """Write the set to a file only its owner can read, replacing an older one in one step.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        raw = save(
            {
                "images": np.ascontiguousarray(self.images),
                "labels": np.ascontiguousarray(self.labels),
                "salt": np.frombuffer(self.salt, dtype=np.uint8),
                "classes": np.array([self.classes], dtype=np.int32),
            }
        )
        part = path.with_name(path.name + ".part")
        try:
            part.unlink(missing_ok=True)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}", "Check the folder and its rights") from error

    @classmethod
    def read(cls, path: Path) -> VerificationSet:
        """Read a set.

        Raises
        ------
        DataError
            The file is missing, not readable, corrupt, or holds anything but a valid set.
        """
        try:
            tensors = load(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}", "Mount the verification set there") from error
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path} is not a safetensors file: {error}", _REMEDY) from error
        if set(tensors) != {"images", "labels", "salt", "classes"}:
            raise DataError(f"{path} holds {', '.join(sorted(tensors)) or 'nothing'}, not a verification set", _REMEDY)
        classes, salt = tensors["classes"], tensors["salt"]
        if classes.shape != (1,) or classes.dtype != np.int32 or salt.dtype != np.uint8 or salt.ndim != 1:
            raise DataError(f"{path} holds a salt or class count of the wrong form", _REMEDY)
        return cls(tensors["images"], tensors["labels"], int(classes[0]), salt.tobytes())

    def check(self, commitment: str) -> None:
        """Check that this is the set a task names.

        Raises
        ------
        DataError
            The commitment is another one.
        """
        if self.commitment() != commitment:
            raise DataError(
                f"the mounted verification set is {self.commitment()}, the task names {commitment}",
                "Mount the file the task was created with",
            )

    @staticmethod
    def new_salt() -> bytes:
        """Draw a salt from the operating system's generator."""
        return secrets.token_bytes(SALT_BYTES)
