# SPDX-License-Identifier: Apache-2.0
"""A set of labelled images, checked once when it is made, and its file form (MedMNIST's npz layout)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.npz import read_arrays
from medquorum.clients.data.typed import typed_inputs
from medquorum.core.private_files import create_private
from medquorum.errors import DataError

__all__ = ["THREE_CHANNELS", "Images", "check_apart", "part_of", "read_shard", "write_shard"]

LARGEST_CLASS = 65_535
SLICES = "Of a volume store each slice as an image of its own"
THREE_CHANNELS = f"3 channels, the last axis, are taken for red, green and blue. {SLICES}"
DARKEST = 31
"""A set whose brightest pixel is no brighter was stored in another range: 0 and 1, or 16 levels."""
_SCALE = (
    "Scale to 0..255 before you store them as uint8: of 12 and 16 bits choose a window first, clip, then divide. "
    "astype alone wraps around. A model of another input than pixels takes them as an array `inputs`"
)


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images, or other inputs.

    Parameters
    ----------
    pixels
        Shape (n, channels, height, width). Images are uint8; other inputs are int16, or int32 with 16 fraction bits.
    labels
        int64, shape (n,), classes counted from 0; or (n, labels) of 0 and 1.
    groups
        Numbers or texts, shape (n,): whose image each is. A patient's images stay together where a set is divided.

    Raises
    ------
    DataError
        The arrays do not fit together, hold no image or a label that is no class.
    """

    pixels: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or str(self.pixels.dtype) not in ("uint8", "int16", "int32"):
            raise DataError(
                f"images must be uint8 (n, channels, height, width), not {_form(self.pixels)}",
                "Give the array this shape and type",
            )
        count = self.pixels.shape[:1]
        if self.labels.shape[:1] != count or self.labels.ndim not in (1, 2) or self.labels.dtype != np.int64:
            raise DataError(
                f"{len(self.pixels)} images need as many int64 labels, not {_form(self.labels)}",
                "Give each image its label, in the images' order",
            )
        if self.groups is not None and self.groups.shape != count:
            raise DataError(
                f"{len(self.pixels)} images need as many groups, not {_form(self.groups)}",
                "Give each image its patient",
            )
        if not self.pixels.size:
            raise DataError(
                f"the set holds no image: its shape is {self.pixels.shape}", "Give at least one image to each part"
            )
        if self.labels.ndim == 2 and (self.labels.shape[1] < 2 or not np.isin(self.labels, (0, 1)).all()):
            raise DataError(
                "a label of several is neither 0 nor 1", "Give 0 or 1 for each label, and leave out inputs without one"
            )
        if self.labels.min() < 0 or self.labels.max() > LARGEST_CLASS:
            wrong = min(self.labels.min(), self.labels.max(), key=lambda label: 0 <= label <= LARGEST_CLASS)
            raise DataError(
                f"label {wrong} is no class: labels must lie between 0 and {LARGEST_CLASS}",
                "Number the classes from 0, and leave out images without one",
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """The number of classes, as far as the labels tell; of several labels how many there are."""
        return self.labels.shape[1] if self.labels.ndim == 2 else int(self.labels.max()) + 1

    def take(self, chosen: npt.NDArray[np.int64]) -> Images:
        """Return the chosen images, in that order."""
        return Images(self.pixels[chosen], self.labels[chosen], None if self.groups is None else self.groups[chosen])

    @classmethod
    def from_arrays(
        cls, pixels: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any] | None = None
    ) -> Images:
        """Take arrays as data sets store them.

        Parameters
        ----------
        pixels
            Whole numbers 0..255, shape (n, h, w), (n, h, w, 1|3) or (n, 1, h, w). Three of anything in the second axis
            may as well be a volume's slices, and are refused.
        labels
            Whole numbers, shape (n,), (n, 1) or, of 0 and 1, (n, labels).
        groups
            Whole numbers or texts, shape (n,) or (n, 1).
        """
        images = cls(
            _channels_first(_bytes(pixels)), _whole_labels(labels), None if groups is None else _column(groups)
        )
        if (brightest := images.pixels.max(initial=0)) <= DARKEST:
            raise DataError(f"the brightest pixel of all is {brightest} of 255", _SCALE)
        return images

    @classmethod
    def from_numbers(
        cls, inputs: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any] | None = None
    ) -> Images:
        """Take numbers that are no pixels: tables, signals, images of more than 8 bits.

        Parameters
        ----------
        inputs
            Whole numbers of 16 bits, or floats below 32768, of shape (n, features), (n, channels, time) or
            (n, channels, h, w).
        labels
            Whole numbers, shape (n,), (n, 1) or, of 0 and 1, (n, labels).
        """
        return cls(typed_inputs(inputs), _whole_labels(labels), None if groups is None else _column(groups))


def read_shard(path: Path, max_bytes: int | None = None) -> Images:
    """Read one organisation's images: arrays ``images`` and ``labels``, or MedMNIST's train part.

    An array ``inputs`` instead of ``images`` holds numbers that are no pixels.
    """
    arrays = read_arrays(path, max_bytes)
    if "inputs" in arrays:
        return _numbers_of(arrays, path)
    for part in ("", "train_"):
        if f"{part}images" in arrays:
            found = part_of(arrays, part, path)
            for other in ("val_groups", "test_groups"):
                if found.groups is not None and other in arrays:
                    check_apart(found.groups, _column(arrays[other]), path)
            return found
    raise DataError(
        f"{path} has neither images nor train_images", "Make shards with: medquorum data split, or give a MedMNIST file"
    )


def part_of(arrays: Mapping[str, npt.NDArray[Any]], part: str, path: Path) -> Images:
    """Return the images under one prefix (``train_``), naming the file in what goes wrong."""
    missing = [name for name in (f"{part}images", f"{part}labels") if name not in arrays]
    if missing:
        raise DataError(f"{path} lacks {missing[0]}", "The layout is MedMNIST's: train_images, train_labels, ...")
    try:
        return Images.from_arrays(arrays[f"{part}images"], arrays[f"{part}labels"], arrays.get(f"{part}groups"))
    except DataError as error:
        raise DataError(f"{path}: {error.cause}", error.remedy) from error


def check_apart(train: npt.NDArray[Any], held_out: npt.NDArray[Any], path: Path) -> None:
    """Check that no patient is in two parts of a file, given the patient of each image of either.

    Raises
    ------
    DataError
        One is; its name, and how many there are.
    """
    if len(shared := np.intersect1d(train, held_out)):
        raise DataError(
            f"{path} has images of patient {shared[0]} both to train on and held out ({len(shared)} patients in all)",
            "Put all images of a patient into one part, or give one part, which is divided by patient",
        )


def _numbers_of(arrays: Mapping[str, npt.NDArray[Any]], path: Path) -> Images:
    if "labels" not in arrays:
        raise DataError(f"{path} lacks labels", "Store arrays inputs and labels")
    try:
        return Images.from_numbers(arrays["inputs"], arrays["labels"], arrays.get("groups"))
    except DataError as error:
        raise DataError(f"{path}: {error.cause}", error.remedy) from error


def write_shard(path: Path, images: Images) -> None:
    """Write arrays ``images`` (n, h, w, c) and ``labels`` (n,) as an npz file that only its owner can read."""
    with create_private(path) as file:
        np.savez_compressed(file, images=np.moveaxis(images.pixels, 1, 3), labels=images.labels)


def _form(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


def _bytes(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind not in "iu" or (pixels.size and (pixels.min() < 0 or pixels.max() > 255)):
        form = (
            f"{pixels.dtype} from {pixels.min()} to {pixels.max()}"
            if pixels.size and pixels.dtype.kind in "biuf"
            else str(pixels.dtype)
        )
        raise DataError(f"pixels must be whole numbers 0..255, not {form}", _SCALE)
    return pixels.astype(np.uint8)


def _channels_first(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels[:, None])
    if pixels.ndim == 4 and pixels.shape[3] in (1, 3):
        return np.ascontiguousarray(np.moveaxis(pixels, 3, 1))
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        return np.ascontiguousarray(pixels)
    raise DataError(
        f"images of shape {pixels.shape} are not (n, h, w), (n, h, w, 1|3) or (n, 1, h, w)",
        f"{SLICES}; of colours store red, green and blue in the last axis: np.moveaxis(images, 1, 3)",
    )


def _whole_labels(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels must be whole numbers, not {labels.dtype}", "Number the classes from 0, as int64")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype == np.uint64 and labels.size and labels.max() > LARGEST_CLASS:  # int64 would turn it negative
        raise DataError(
            f"label {labels.max()} is no class", "Number the classes from 0, and leave out images without one"
        )
    if labels.ndim not in (1, 2):
        raise DataError(
            f"labels of shape {labels.shape} are neither one class per image nor several labels",
            "Give one class for each image, or 0 and 1 for each image and label",
        )
    return labels.astype(np.int64)


def _column(groups: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if groups.dtype.kind not in "iuUS":
        raise DataError(f"groups must be whole numbers or texts, not {groups.dtype}", "Number the patients")
    return groups[:, 0] if groups.ndim == 2 and groups.shape[1] == 1 else groups
