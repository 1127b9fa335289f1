# SPDX-License-Identifier: Apache-2.0
"""Turn a folder of pictures into the file a hospital trains from: ``python prepare.py pictures mine.npz``.

Every folder in it is a class; classes are numbered in the order of their names. The pictures are made grayscale and
28x28, the shape of the task's model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE = (28, 28)


def read(path: Path) -> npt.NDArray[np.uint8]:
    """Return one picture as pixels from 0 to 255, shape (28, 28)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize(SIZE), dtype=np.uint8)


def main(folder: Path, file: Path) -> None:
    """Write all pictures, shape (n, 28, 28), and their classes, shape (n,), into one npz file."""
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    found = [(path, number) for number, name in enumerate(classes) for path in sorted((folder / name).glob("*.png"))]
    images = np.stack([read(path) for path, _ in found])
    labels = np.array([number for _, number in found], dtype=np.int64)
    np.savez_compressed(file, images=images, labels=labels)
    for number, name in enumerate(classes):
        print(f"class {number}: {name}, {int((labels == number).sum())} pictures")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
