# SPDX-License-Identifier: Apache-2.0
"""Float logits held against the ledger's integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from medquorum.core import fixedpoint
from medquorum.core import model as modelformat
from medquorum.core.inference import compile_model, entry_of
from medquorum.core.model import ModelDescription
from medquorum.core.model.graph.description import Fixed
from medquorum.errors import ModelError

__all__ = ["EXACT", "ROUGH", "Images", "check_agreement", "random_images"]

Images = npt.NDArray[Any]
RANDOM_IMAGES = 8
EXACT, ROUGH = 0.003, 0.01
"""Allowed difference of logits up to 10: on real images, and on noise, which is no input that a network is made for."""


def check_agreement(
    description: ModelDescription,
    packed: bytes,
    logits: Callable[[torch.Tensor], npt.NDArray[np.floating]],
    images: Images | None,
) -> float:
    """Compare on images, or on noise where there are none; return the largest difference.

    Parameters
    ----------
    logits
        Returns (n, classes) of numbers (n, c, h, w), float64: less what is the same for all classes of an image.
    images
        (n, height, width) or (n, height, width, channels) of the description's type.

    Raises
    ------
    ModelError
        They differ by more than 0.003 (noise: 0.01), times a tenth of the largest logit where that is above 10.
    """
    shown = random_images(description) if images is None else images
    exact = fixedpoint.decode(compile_model(description, modelformat.unpack(description, packed)).logits(shown))
    entry = entry_of(description)
    held = np.moveaxis(fixedpoint.decode(entry.numbers(entry.checked(shown))), 3, 1)
    numbers = torch.from_numpy(np.array(held, order="C")).expand(-1, description.shape[0], -1, -1).contiguous()
    float_logits = np.asarray(logits(numbers), dtype=np.float64)
    if description.output.kind == "classes":
        float_logits, compared = _centred(float_logits), _centred(exact)
    else:
        compared = exact
    difference = float(np.abs(float_logits - compared).max())
    bound = (ROUGH if images is None else EXACT) * max(1.0, float(np.abs(exact).max()) / 10)
    if not difference <= bound:
        which = "random" if images is None else "the given"
        raise ModelError(
            f"on {which} images float and integer logits differ by {difference:.4g}, allowed are {bound:.4g}",
            "Compare the layers; very large weights or values lose digits, and forward() may do what no layer says",
        )
    return difference


def random_images(description: ModelDescription) -> Images:
    """Return images of noise in a model's shape, always the same, (8, height, width, channels)."""
    channels, height, width = description.shape
    random, shape = np.random.default_rng(0), (RANDOM_IMAGES, height, width, channels)
    source = description.source
    if not isinstance(source, Fixed):
        return random.integers(0, 256, shape, dtype=np.uint8)
    wanted = random.uniform(-1, 1, shape) - np.array(source.offset) / 2.0**16
    scale = np.array(source.scale) / 2.0**32
    unit = 1.0 if source.type == "int16" else 2.0**16
    bounds = np.iinfo(source.type)
    raw = wanted / np.where(scale == 0, 1.0, scale) * unit
    return np.clip(np.rint(raw), bounds.min, bounds.max).astype(source.type)


def _centred(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return logits without what log_softmax takes from all of an image alike."""
    return np.asarray(logits - logits.mean(axis=1, keepdims=True))
