# SPDX-License-Identifier: Apache-2.0
"""A hospital's images as torch's loaders take them, in the numbers of the task's model."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

from medquorum.clients.data.images import Images
from medquorum.clients.training.inputs import check_images, numbers_of
from medquorum.core.model import ModelDescription

__all__ = ["OwnImages"]


class OwnImages(Dataset[tuple[torch.Tensor, int | torch.Tensor]]):
    """Pairs of numbers (c, h, w), float32, and class; raises DataError where the images are not the model's.

    Of several labels the second is a float32 tensor (labels,) of 0 and 1.
    """

    def __init__(self, description: ModelDescription, images: Images) -> None:
        self._pixels = check_images(description, images)
        self._numbers = numbers_of(description)
        self._labels = images.labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int | torch.Tensor]:
        numbers = self._numbers(self._pixels[index])
        if self._labels.ndim == 2:
            return numbers, torch.from_numpy(self._labels[index]).float()
        return numbers, int(self._labels[index])
