# SPDX-License-Identifier: Apache-2.0
"""Data sets by name: digits, mnist, a MedMNIST name, or any npz file of MedMNIST's layout."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.groups import cut
from medquorum.clients.data.idx import read_mnist
from medquorum.clients.data.images import Images, check_apart, part_of
from medquorum.clients.data.npz import read_arrays
from medquorum.errors import DataError

__all__ = ["Source", "load"]

ONE_CLASS = "Give images of at least two classes: with one there is nothing to tell apart"


@dataclass(frozen=True)
class Source:
    """A data set: ``train`` is dealt to hospitals, ``held_out`` is what none of them gets."""

    train: Images
    held_out: Images

    @property
    def classes(self) -> int:
        """The number of classes over both parts."""
        return max(self.train.classes, self.held_out.classes)


def load(
    name: str,
    folder: Path | None = None,
    seed: int = 0,
    patients: npt.NDArray[Any] | None = None,
    max_bytes: int | None = None,
) -> Source:
    """Load a data set.

    Parameters
    ----------
    name
        ``digits`` (scikit-learn's), ``mnist`` (idx files in ``folder``), the path of an ``.npz`` file, or a MedMNIST
        name such as ``pneumoniamnist`` (``folder/NAME.npz``, otherwise the ``medmnist`` package, which downloads it).
    seed
        Shuffles sets that come without a split.
    patients
        Numbers or texts, shape (n,): whose each image of an ``.npz`` file of one part is.
    max_bytes
        The most a file may hold, unpacked; by default what its reader says.

    Raises
    ------
    DataError
        A file or package is missing or not usable, or the patients are not those of its images.
    """
    if patients is None:
        source = _load(name, folder, seed, max_bytes)
    else:
        source = _of_patients(Path(name), seed, patients, max_bytes)
    if source.classes < 2 or len(np.unique(source.train.labels)) < 2:
        raise DataError(f"all images of {name} to train on have the label {source.train.labels[0]}", ONE_CLASS)
    return source


def _load(name: str, folder: Path | None, seed: int, max_bytes: int | None) -> Source:
    if name == "digits":
        return _digits(seed)
    if name == "mnist":
        return _mnist(folder, max_bytes)
    if name.endswith(".npz"):
        return _npz(Path(name), seed, max_bytes)
    if folder is not None and (folder / f"{name}.npz").exists():
        return _npz(folder / f"{name}.npz", seed, max_bytes)
    return _npz(_downloaded(name, folder), seed, max_bytes)


def _digits(seed: int) -> Source:
    # Its file alone: to import scikit-learn takes seconds.
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("digits are a file of scikit-learn", name="sklearn")
    table = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    # 17 gray levels 0..16 become 0..255.
    pixels = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8)
    return _shuffled(Images.from_arrays(pixels.reshape(-1, 8, 8), table[:, -1].astype(np.int64)), seed)


def _mnist(folder: Path | None, max_bytes: int | None) -> Source:
    if folder is None:
        raise DataError("mnist needs its idx files", "Give their folder with --data-dir")
    parts = [Images.from_arrays(*read_mnist(folder, part, max_bytes)) for part in ("train", "t10k")]
    return Source(parts[0], parts[1])


def _npz(path: Path, seed: int, max_bytes: int | None) -> Source:
    arrays = read_arrays(path, max_bytes)
    if "train_images" not in arrays:
        return _shuffled(part_of(arrays, "", path), seed)
    held_out = [part_of(arrays, part, path) for part in ("val_", "test_") if f"{part}images" in arrays]
    if not held_out:
        return _shuffled(part_of(arrays, "train_", path), seed)
    pixels = np.concatenate([images.pixels for images in held_out])
    labels = np.concatenate([images.labels for images in held_out])
    train, known = part_of(arrays, "train_", path), [images.groups for images in held_out if images.groups is not None]
    if len(known) + (train.groups is not None) not in (0, len(held_out) + 1):
        raise DataError(f"{path} has groups for some of its parts", "Give train_groups, val_groups and test_groups")
    groups = np.concatenate(known) if known else None
    if train.groups is not None and groups is not None:
        check_apart(train.groups, groups, path)
    return Source(train, Images(pixels, labels, groups))


def _of_patients(path: Path, seed: int, patients: npt.NDArray[Any], max_bytes: int | None) -> Source:
    """Read a file of one part; patients come from elsewhere."""
    arrays = read_arrays(path, max_bytes)
    parts = [name.removesuffix("images") for name in arrays if name.endswith("images")]
    if len(parts) != 1:
        raise DataError(f"{path} has {len(parts)} parts, the file of patients has one", "Store groups in the parts")
    if f"{parts[0]}groups" in arrays:
        raise DataError(f"{path} has groups of its own", "Leave out the file of patients, or the groups")
    return _shuffled(part_of(arrays | {f"{parts[0]}groups": patients}, parts[0], path), seed)


def _downloaded(name: str, folder: Path | None) -> Path:
    try:
        import medmnist
    except ImportError as error:
        raise DataError(
            f"{name} is not digits, mnist or an npz file, and the medmnist package is not installed",
            f"pip install 'medquorum[datasets]', or put {name}.npz into the folder given with --data-dir",
        ) from error
    if name not in medmnist.INFO:
        raise DataError(f"{name} is no data set of MedMNIST", f"Known: digits, mnist, {', '.join(medmnist.INFO)}")
    root = folder or Path(medmnist.INFO and medmnist.dataset.DEFAULT_ROOT)
    try:
        getattr(medmnist, medmnist.INFO[name]["python_class"])(split="train", root=str(root), download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        raise DataError(
            f"{name} could not be downloaded: {error.__context__ or error}",
            f"Fetch {name}.npz by hand from {medmnist.INFO[name]['url']} into the folder given with --data-dir",
        ) from error
    return root / f"{name}.npz"


def _shuffled(images: Images, seed: int) -> Source:
    """Split a set without a split of its own: 7 parts in 10 to train on."""
    order = np.random.default_rng(seed).permutation(len(images))
    first, second = cut(images, order, len(images) * 7 // 10)
    return Source(images.take(first), images.take(second))
