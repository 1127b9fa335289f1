# SPDX-License-Identifier: Apache-2.0
"""Draws the documents' pictures beside this file: ``python docs/pictures/draw.py`` (matplotlib, in the environment)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, PAPER, SOFT, PRIVATE, GOOD, BAD = "#1f2933", "#ffffff", "#e8eef4", "#fff1d6", "#dff2e1", "#fbdcd9"

Point = tuple[float, float]


class Picture:
    """A drawing in units of text lines: x to the right, y downwards, from the upper left corner."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes

    def box(self, at: Point, size: Point, text: str, fill: str = SOFT, bold: bool = False) -> None:
        """Draw a box of this size whose upper left corner is ``at``, with its text in the middle."""
        (x, y), (width, height) = at, size
        shape = FancyBboxPatch(
            at, width, height, boxstyle="round,pad=0,rounding_size=0.25", fc=fill, ec=INK, lw=1, zorder=3
        )
        self._axes.add_patch(shape)
        weight = "bold" if bold else "normal"
        self._axes.text(
            x + width / 2, y + height / 2, text, ha="center", va="center", color=INK, weight=weight, zorder=4
        )

    def frame(self, at: Point, size: Point, title: str) -> None:
        """Draw an organisation's host: a dashed frame with a title."""
        (x, y), (width, height) = at, size
        shape = FancyBboxPatch(at, width, height, boxstyle="round,pad=0,rounding_size=0.3", fc=PAPER, ec=INK, ls="--")
        self._axes.add_patch(shape)
        self._axes.text(x + width / 2, y + 0.55, title, ha="center", va="center", color=INK, weight="bold")

    def arrow(self, start: Point, end: Point, text: str = "", at: Point | None = None, both: bool = False) -> None:
        """Draw an arrow; its text stands above its middle, or around ``at``."""
        style = {"arrowstyle": "<->" if both else "->", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
        self._axes.annotate("", xy=end, xytext=start, arrowprops=style)
        if text:
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 0.45)
            self.text(at or middle, text)

    def line(self, start: Point, end: Point) -> None:
        """Draw a thin line."""
        self._axes.plot([start[0], end[0]], [start[1], end[1]], color=INK, lw=0.8, ls=":", zorder=1)

    def text(self, at: Point, text: str, align: str = "center") -> None:
        """Write text around ``at``."""
        box = {"fc": PAPER, "ec": "none", "pad": 1}
        self._axes.text(*at, text, ha=align, va="center", color=INK, bbox=box)


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Picture]:
    """Return a picture to draw on, and write it to ``path``."""
    figure = Figure(figsize=(width * 0.28, height * 0.28))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    yield Picture(axes)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def a_round(drawing: Picture) -> None:
    """Draw a plain round."""
    for x, title in ((1, "hospital"), (12, "verifiers\n(k of n must agree)"), (24, "ledger\n(a copy at every peer)")):
        drawing.box((x, 0.5), (7, 2.2), title, bold=True)
        drawing.line((x + 3.5, 2.7), (x + 3.5, 20))
    drawing.box((1, 3.6), (7, 1.4), "1  trains", PAPER)
    drawing.arrow((4.5, 6.6), (15.5, 6.6), "2  its update")
    drawing.arrow((4.5, 8.4), (27.5, 8.4), "salted hashes of it", at=(21.5, 7.95))
    drawing.box((11.5, 9.4), (8, 3.2), "3  try it on private\nimages, average\nthe accepted ones", PRIVATE)
    drawing.arrow((15.5, 14.6), (27.5, 14.6), "4  one transaction,\nk times endorsed", at=(21.5, 13.7))
    drawing.box((28.3, 12.1), (4.2, 1.5), "accepted", GOOD)
    drawing.box((28.3, 13.9), (4.2, 1.5), "or refused", BAD)
    drawing.box((28.3, 15.7), (4.2, 1.5), "next model")
    drawing.arrow((27.5, 19), (4.5, 19), "5  the next model; every byte and signature is checked")


def architecture(drawing: Picture) -> None:
    """Draw the processes and what crosses which wire."""
    drawing.frame((0.5, 0.5), (11, 15.5), "a hospital's host")
    drawing.box((1.5, 2), (9, 3), "hospital client\nown images, training", PRIVATE)
    drawing.box((1.5, 7.5), (9, 2), "peer")
    drawing.box((1.5, 12.5), (9, 2), "chaincode")
    drawing.frame((18, 0.5), (12, 15.5), "a verifier's host")
    drawing.box((19, 2), (10, 3), "verifier client; P0 or P1\nP0: verification images", PRIVATE)
    drawing.box((19, 7.5), (10, 2), "peer")
    drawing.box((19, 12.5), (10, 2), "chaincode\nplain: verification images", PRIVATE)
    for x in (6, 24):
        drawing.arrow((x, 5), (x, 7.5), "1  gateway", at=(x, 6.25), both=True)
        drawing.arrow((x, 9.5), (x, 12.5), "3  one transaction", at=(x, 11), both=True)
    drawing.arrow((10.5, 3.5), (19, 3.5), "5  r + u")
    drawing.arrow((10.5, 8.5), (19, 8.5), "2  blocks,\nprivate data", at=(14.75, 7.5), both=True)
    drawing.box((36, 2), (8, 3), "other party", PRIVATE)
    drawing.arrow((29, 2.9), (36, 2.9), "6  masked", at=(32.5, 2.2), both=True)
    drawing.box((36, 7), (8, 2), "dealer")
    drawing.arrow((40, 7), (40, 5), "7", at=(40.7, 6))
    drawing.arrow((36, 7.6), (29, 4.3), "7  randomness", at=(33, 6.6))
    drawing.box((12.5, 18), (5, 2), "orderers")
    drawing.arrow((10.5, 9.2), (14, 18), "", both=True)
    drawing.arrow((19, 9.2), (16, 18), "4  blocks", at=(14.8, 13.4), both=True)


def encrypted(drawing: Picture) -> None:
    """Draw how an update is verified under its mask."""
    drawing.box((14, 0.5), (8, 2), "dealer")
    drawing.box((1, 7), (9, 3), "P0\nhas the images", PRIVATE, bold=True)
    drawing.box((26, 7), (9, 3), "P1\nthe witness", bold=True)
    drawing.box((14, 13.5), (8, 2.4), "hospital\nupdate r, mask u", PRIVATE)
    drawing.arrow((15.5, 2.5), (7, 7), "randomness", at=(9, 4.2))
    drawing.arrow((20.5, 2.5), (29, 7), "randomness", at=(27, 4.2))
    drawing.arrow((15, 13.5), (7, 10), "R = r + u", at=(9.5, 12.4))
    drawing.arrow((21, 13.5), (29, 10), "R = r + u", at=(26.5, 12.4))
    drawing.arrow((10, 8), (26, 8), "masked values: uniform to both", at=(18, 7.4), both=True)
    drawing.box((14, 9.3), (8, 2), "verdict: one bit,\nor counts", GOOD)
    drawing.line((10, 9.6), (14, 10.3))
    drawing.line((26, 9.6), (22, 10.3))


def aggregation(drawing: Picture) -> None:
    """Draw how the accepted updates' sum is opened once."""
    drawing.box((1, 1), (11, 2.6), "P0\nadds its shares: s0", bold=True)
    drawing.box((24, 1), (11, 2.6), "P1\nadds its shares: s1", bold=True)
    for x, name in ((2, "node 1"), (14.5, "node 2"), (27, "node n")):
        drawing.box((x, 8), (7, 2), name)
        drawing.arrow((6.5, 3.6), (x + 2.2, 8))
        drawing.arrow((29.5, 3.6), (x + 4.8, 8))
        drawing.arrow((x + 3.5, 10), (18, 13))
    drawing.text((18, 5.2), "each sum shared anew: one part for each node")
    drawing.box((12, 13), (12, 2), "all parts add up to S, opened once")
    drawing.box((26.5, 13), (8.5, 2), "dealer: hash of\nthe masks' sum")
    drawing.arrow((18, 15), (18, 17.4))
    drawing.arrow((30.5, 15), (22.5, 18.2), "")
    drawing.box((13.5, 17.4), (9, 1.8), "does S fit?", PRIVATE)
    drawing.arrow((13.5, 18.3), (9.5, 18.3), "no")
    drawing.box((1, 17.3), (8.5, 2), "the round keeps\nthe old model", BAD)
    drawing.arrow((18, 19.2), (18, 21), "yes", at=(18.9, 20))
    drawing.box((12, 21), (12, 2), "the next model, attested", GOOD)


PICTURES: dict[str, tuple[Callable[[Picture], None], float, float]] = {
    "round": (a_round, 34, 20.5),
    "architecture": (architecture, 45, 21),
    "encrypted": (encrypted, 36, 16.5),
    "aggregation": (aggregation, 36, 23.5),
}


def main() -> None:
    """Draw all pictures."""
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "medquorum", "font.size": 9.5})
    folder = Path(__file__).parent
    for name, (draw, width, height) in PICTURES.items():
        with picture(folder / f"{name}.svg", width, height) as drawing:
            draw(drawing)


if __name__ == "__main__":
    main()
