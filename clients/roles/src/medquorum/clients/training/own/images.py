# SPDX-License-Identifier: Apache-2.0
"""A hospital's images as torch's loaders take them, in the numbers of the task's model."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

from medquorum.clients.data.images import Images
from medquorum.clients.training.train import check_images
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model import ModelDescription

__all__ = ["OwnImages"]


class OwnImages(Dataset[tuple[torch.Tensor, int]]):
    """Pairs of numbers (c, h, w), float32, and class; raises DataError where the images are not the model's."""

    def __init__(self, description: ModelDescription, images: Images) -> None:
        self._pixels = check_images(description, images)
        self._table = torch.tensor(description.pixels, dtype=torch.float32) / (1 << FRACTION_BITS)
        self._labels = images.labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._table[self._pixels[index].int()], int(self._labels[index])
