# SPDX-License-Identifier: Apache-2.0
"""A hospital's images, or other inputs, as the numbers of the task's model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from medquorum.clients.data.images import Images
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.inference import check_labels, entry_of
from medquorum.core.model import ChainDescription, ModelDescription
from medquorum.core.model.graph.description import Fixed
from medquorum.errors import DataError, ModelError, RangeError

__all__ = ["Numbers", "check_images", "numbers_of"]

Numbers = Callable[[torch.Tensor], torch.Tensor]


def check_images(description: ModelDescription, images: Images) -> torch.Tensor:
    """Return the pixels in the model's shape, or numbers where the model takes these, (n, c, h, w).

    Grayscale images feed three channels as equal ones ([SMV]).

    Raises
    ------
    DataError
        The images or their labels are not the model's.
    """
    channels, height, width = description.shape
    found = images.pixels.shape[1:]
    typed = isinstance(description.source, Fixed)
    if found[1:] != (height, width) or found[0] not in ((channels,) if typed else (1, channels)):
        raise DataError(
            f"the images are {'x'.join(map(str, found))}, the model takes {channels}x{height}x{width}",
            "Use the data set the task was made for",
        )
    if isinstance(description, ChainDescription) and images.classes > description.classes:
        raise DataError(
            f"label {images.classes - 1} is no class of the model's {description.classes}",
            "Number the classes as the task does, from 0",
        )
    check_labels(description.output, images.labels, len(images))
    try:
        entry = entry_of(description)
        checked = entry.checked(np.moveaxis(images.pixels, 1, 3))
    except (ModelError, RangeError) as error:
        raise DataError(error.cause, error.remedy) from error
    if not typed:
        return torch.from_numpy(images.pixels).expand(-1, channels, -1, -1)
    numbers = np.moveaxis(entry.numbers(checked), 3, 1) / (1 << FRACTION_BITS)
    return torch.from_numpy(np.array(numbers, dtype=np.float32, order="C"))


def numbers_of(description: ModelDescription, device: torch.device | None = None) -> Numbers:
    """Return what makes numbers, float32, of what ``check_images`` returns, on one device."""
    source = description.source
    if isinstance(source, Fixed):
        return lambda values: values
    table = (torch.tensor(source.pixels, dtype=torch.float32) / (1 << FRACTION_BITS)).to(device)
    # five times as fast as table[pixels]
    return lambda pixels: table.index_select(0, pixels.flatten().int()).view(pixels.shape)
