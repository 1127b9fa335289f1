# SPDX-License-Identifier: Apache-2.0
"""The networks of the five tasks, as a hospital would write them, and the data made up for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import nn
from torch.nn import functional

from medquorum import admin

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class Rows(nn.Module):
    """A small network for rows of 13 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.1), nn.Linear(16, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 1) of rows (n, 13)."""
        logits: torch.Tensor = self.layers(rows)
        return logits


class Leads(nn.Module):
    """A small network of one dimension for signals of two leads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, 8, 7, stride=2, padding=3, bias=False), nn.BatchNorm1d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=2, bias=False), nn.BatchNorm1d(8))
        self.head = nn.Linear(16, 3)

    def forward(self, leads: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 3) of signals (n, 2, time)."""
        first = self.stem(leads)
        second = functional.relu(first + self.body(first))
        pooled = functional.adaptive_max_pool1d(second, 1), functional.adaptive_avg_pool1d(second, 1)
        logits: torch.Tensor = self.head(torch.cat(pooled, dim=1).flatten(1))
        return logits


class Scans(nn.Module):
    """A small DenseNet: what each layer finds is put beside all that was found before it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False)
        self.first = nn.ModuleList([self._layer(8), self._layer(16)])
        self.between = nn.Sequential(nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 12, 1, bias=False), nn.AvgPool2d(2))
        self.second = nn.ModuleList([self._layer(12), self._layer(20)])
        self.end = nn.Sequential(nn.BatchNorm2d(28), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(28, classes)

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return logits (n, classes) of pictures (n, 1, 28, 28)."""
        found = self.between(self._block(self.first, self.stem(scans)))
        logits: torch.Tensor = self.head(self.end(self._block(self.second, found)))
        return logits

    @staticmethod
    def _layer(channels: int) -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 8, 3, padding=1, bias=False))

    @staticmethod
    def _block(layers: nn.ModuleList, found: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            found = torch.cat([found, layer(found)], dim=1)
        return found


def mobile() -> nn.Module:
    """Make torchvision's MobileNetV2 for three classes; in so few steps its statistics must follow fast."""
    net: nn.Module = torchvision.models.mobilenet_v2(num_classes=3, norm_layer=partial(nn.BatchNorm2d, momentum=0.5))
    return net


def encoder() -> nn.Module:
    """Make an encoder of pictures (n, 1, 28, 28) that is never trained; a pretrained one would stand here."""
    stem = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.GELU(), nn.Conv2d(8, 16, 5, stride=2), nn.GELU())
    return nn.Sequential(stem, nn.AdaptiveAvgPool2d(2), nn.Flatten()).eval().requires_grad_(False)


def head() -> nn.Module:
    """Make the part that is federated: a linear layer on the encoder's 64 numbers."""
    return nn.Sequential(nn.Linear(64, 3))


@dataclass(frozen=True)
class Study:
    """One task: a network, its inputs and labels, and what its logits mean. ``judged`` cases are the verifiers'."""

    name: str
    make: Callable[[], nn.Module]
    inputs: Floats
    labels: Labels
    output: admin.Classes | admin.Logit | admin.Labels
    judged: int = 80
    epochs: int = 15

    @property
    def classes(self) -> int:
        """How many classes or labels the verifiers count."""
        if isinstance(self.output, admin.Classes):
            return self.output.count
        return 2 if self.labels.ndim == 1 else self.labels.shape[1]

    @property
    def numbers(self) -> admin.Numbers:
        """Each channel's mean and deviation, as all hospitals agreed on."""
        channels = np.moveaxis(self.inputs, 1, 0).reshape(self.inputs.shape[1], -1)
        return admin.Numbers(channels.mean(axis=1).tolist(), channels.std(axis=1).tolist())

    def standardised(self, part: slice) -> torch.Tensor:
        """Return a part of the inputs as the network takes them."""
        shape = (1, -1, *[1] * (self.inputs.ndim - 2))
        mean, deviation = (np.reshape(each, shape) for each in (self.numbers.mean, self.numbers.deviation))
        return torch.from_numpy((self.inputs[part] - mean) / deviation).float()


def rows(random: np.random.Generator) -> Study:
    """Make rows of unlike units, labelled by a weighted sum of them."""
    standard = random.normal(size=(480, 13))
    labels = (standard @ random.normal(size=13) > 0).astype(np.int64)
    return Study("rows", Rows, standard * np.linspace(0.1, 90, 13) + 50, labels, admin.Logit())


def leads(random: np.random.Generator) -> Study:
    """Make noisy signals with three kinds of beats; a signal may have several."""
    labels = random.integers(0, 2, (480, 3))
    beats = np.stack([np.sin(np.arange(60) * step) for step in (0.3, 0.8, 1.7)])
    signal = labels @ beats + random.normal(0, 0.4, (480, 60))
    return Study("leads", Leads, np.stack([signal, -0.5 * signal], axis=1), labels, admin.Labels(3))


def pictures(random: np.random.Generator, count: int, shape: tuple[int, int, int]) -> tuple[Floats, Labels]:
    """Make noisy stripes (n, channels, height, width) of three widths, and which width each has."""
    labels = np.arange(count) % 3
    stripes = np.sin(np.arange(shape[2]) * np.array([0.2, 0.7, 2.0])[labels, None])
    return stripes[:, None, None] + random.normal(0, 0.4, (count, *shape)), labels


def photographs(random: np.random.Generator) -> Study:
    """Make pictures of 64 places a side in three colours."""
    inputs, labels = pictures(random, 96, (3, 64, 64))
    return Study("photographs", mobile, inputs, labels, admin.Classes(3), judged=32, epochs=4)


def scans(random: np.random.Generator, file: Path | None) -> Study:
    """Take 480 pictures of a file: ``images`` (n, 28, 28) and ``labels`` (n,). Without one make some up."""
    if file is None:
        inputs, labels = pictures(random, 480, (1, 28, 28))
    else:
        with np.load(file) as arrays:
            chosen = random.permutation(len(arrays["labels"]))[:480]
            inputs = arrays["images"][chosen, None].astype(np.float64)
            labels = arrays["labels"][chosen].reshape(-1).astype(np.int64)
    classes = int(labels.max()) + 1
    return Study("scans", partial(Scans, classes), inputs, labels, admin.Classes(classes))


def encoded(random: np.random.Generator) -> Study:
    """Make pictures, of which the ledger sees only what the frozen encoder makes of them."""
    inputs, labels = pictures(random, 480, (1, 28, 28))
    features = encoder()(torch.from_numpy(inputs).float())
    return Study("encoded", head, features.double().numpy(), labels, admin.Classes(3))
