# SPDX-License-Identifier: Apache-2.0
"""Training as both papers do it: Adam, cross entropy, shuffled batches; the same seed gives the same update."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from medquorum.clients.data.images import Images
from medquorum.clients.training.adam import Adam
from medquorum.clients.training.inputs import check_images, numbers_of
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.outputs import decisions, loss_of
from medquorum.errors import DataError

__all__ = ["Recipe", "accuracy", "logits", "measure", "predict", "seed_of", "train"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recipe:
    """How a hospital trains in a round; the defaults are [SMV]'s."""

    epochs: int = 1
    batch: int = 64
    learning_rate: float = 0.001


def seed_of(*parts: str | int) -> int:
    """Make a 63-bit seed of names and numbers (task, round, MSP)."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


def train(model: DescribedModel, images: Images, recipe: Recipe, seed: int, progress: Progress) -> None:
    """Train in place.

    Parameters
    ----------
    progress
        Called with batches done and batches in all, after each; what it raises ends the training.

    Raises
    ------
    DataError
        The images are not the model's, or too few to normalise.
    """
    torch.manual_seed(seed)
    device = _device()
    model.to(device).train()
    pixels, labels = check_images(model.description, images).to(device), torch.from_numpy(images.labels).to(device)
    numbers = numbers_of(model.description, device)
    optimizer = Adam(model.parameters(), recipe.learning_rate)
    loss = loss_of(model.description.output)
    sizes = _batch_sizes(len(images), recipe.batch)
    done, total = 0, recipe.epochs * len(sizes)
    for _ in range(recipe.epochs):
        # A batch of one cannot be normalised: a rest of one image is left out of this epoch.
        for chosen in torch.split(torch.randperm(len(images))[: sum(sizes)], sizes):
            optimizer.clear()
            loss(_outputs(model, numbers(pixels.index_select(0, chosen))), labels.index_select(0, chosen)).backward()
            optimizer.step()
            done += 1
            progress(done, total)


def logits(model: DescribedModel, images: Images, batch: int = 256) -> npt.NDArray[np.float64]:
    """Return the logits of each image, float64 (n, logits)."""
    model.to(_device()).eval()
    numbers = numbers_of(model.description, _device())
    outputs = []
    with torch.inference_mode():
        for pixels in torch.split(check_images(model.description, images), batch):
            outputs.append(model(numbers(pixels.to(_device()))).cpu())
    return torch.cat(outputs).double().numpy()


def predict(model: DescribedModel, images: Images, batch: int = 256) -> npt.NDArray[np.int64]:
    """Return the likeliest class of each image, int64 (n,), or 0 and 1 for each of several labels (n, labels)."""
    said = decisions(model.description.output, torch.from_numpy(logits(model, images, batch)))
    classes: npt.NDArray[np.int64] = said.numpy()
    return classes


def accuracy(model: DescribedModel, images: Images) -> float:
    """Return the share of images classified as labelled, in [0, 1]; of several labels the share of these."""
    return float(np.mean(predict(model, images) == images.labels))


def measure(model: nn.Module, images: Images) -> dict[str, float]:
    """Return the accuracy of a described network as a hospital tells it."""
    if not isinstance(model, DescribedModel):
        raise TypeError("not a described network")
    return {"accuracy": round(accuracy(model, images), 6)}


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _outputs(model: DescribedModel, inputs: torch.Tensor) -> torch.Tensor:
    try:
        outputs: torch.Tensor = model(inputs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise DataError(
            f"a batch of {len(inputs)} image leaves one value of a channel, which BatchNorm cannot normalise",
            "Train on more images, or in larger batches (--batch)",
        ) from error
    return outputs


def _batch_sizes(count: int, batch: int) -> list[int]:
    full, rest = divmod(count, batch)
    return [batch] * full + ([rest] if rest > 1 or not full else [])
