# SPDX-License-Identifier: Apache-2.0
"""Draw pictures that stand in for a hospital's own: ``python draw_pictures.py pictures``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

KINDS = ("healthy", "line", "spot")
SIZE, COUNT = 64, 120


def main(folder: Path) -> None:
    """Write ``COUNT`` grayscale pictures of each kind, one folder a kind."""
    random = np.random.default_rng(0)
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(COUNT):
            picture = Image.fromarray(random.integers(0, 80, (SIZE, SIZE), dtype=np.uint8))
            x, y = (int(value) for value in random.integers(10, SIZE - 26, 2))
            if kind == "spot":
                ImageDraw.Draw(picture).ellipse((x, y, x + 16, y + 16), fill=230)
            elif kind == "line":
                ImageDraw.Draw(picture).line((x, 4, x + 6, SIZE - 4), fill=230, width=4)
            picture.save(folder / kind / f"{number:03d}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
