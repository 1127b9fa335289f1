# SPDX-License-Identifier: Apache-2.0
"""The hospitals of a cell in one process: their images, their training, and what a model makes of images.

Training is the hospitals' own, with the same seeds, so that an update has the bytes it has in a network.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from medquorum.clients.data.images import Images
from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.clients.runtime.session import CHANNEL
from medquorum.clients.training import parameters
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.inputs import numbers_of
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.root import root_seed
from medquorum.clients.training.train import Recipe, logits, seed_of, train
from medquorum.core import model as modelformat
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model import catalogue

from ..cell import Cell

__all__ = ["Federation", "Floats", "Raw"]

Raw = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
UNIT = float(1 << FRACTION_BITS)
TESTED = 4000
"""Most images a model is tested on."""
KEPT = 400
"""Updates that are kept, since cells of one federation often train from the same model."""


class Federation:
    """Hospitals and verifier of a cell; what ``cell.federation`` says is all that it looks at."""

    def __init__(self, cell: Cell, data_dir: Path | None, max_bytes: int | None = None) -> None:
        torch.set_num_threads(1)
        source = load(cell.data, data_dir, cell.seed, max_bytes=max_bytes)
        dealt = deal(
            source,
            cell.hospitals,
            seed=cell.seed,
            alpha=cell.alpha,
            limit=cell.limit,
            verification=cell.verification,
        )
        self.shards = {f"Hospital{number}MSP": shard for number, shard in enumerate(dealt.shards, 1)}
        self.verification = dealt.verification
        self.test = dealt.test.take(np.arange(min(TESTED, len(dealt.test))))
        shape = source.train.pixels.shape
        document = catalogue.describe(cell.model, (shape[1], shape[2], shape[3]), source.classes)
        self.description = modelformat.parse(document)
        self.first = drawn_model(self.description, cell.seed)
        self._recipe = Recipe(epochs=cell.epochs, batch=cell.batch)
        self._seed = cell.seed
        self.task = cell.task
        self._kept: OrderedDict[bytes, Raw] = OrderedDict()

    def seed(self, number: int, name: str) -> int:
        """Return the seed of an organisation's training in a round."""
        return seed_of(self.task, number, name, self._seed)

    def root_seed(self, number: int, base: bytes) -> int:
        """Return the seed of a round's root update, as the ledger's documents give it."""
        return root_seed(CHANNEL, self.task, number, self.model_hash(base))

    def model_hash(self, packed: bytes) -> str:
        """Return a packed model's hash, as on the ledger."""
        return modelformat.model_hash(modelformat.layout_hash(self.description), modelformat.chunk_hashes(packed))

    def trained(self, base: bytes, images: Images, seed: int) -> Raw:
        """Return raw parameters trained from a packed base, int64 (n,)."""
        parts = (base, images.labels.tobytes(), images.pixels.tobytes(), str(seed).encode())
        key = sha256(b"".join(sha256(part).digest() for part in parts)).digest()
        if key not in self._kept:
            model = self._model(base)
            train(model, images, self._recipe, seed, lambda done, total: None)
            self._kept[key] = parameters.flatten(parameters.parameters_of(model))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def logits(self, packed: bytes, images: Images) -> Floats:
        """Return a packed model's logits in float, (images, classes)."""
        return logits(self._model(packed), images)

    def gradient(self, packed: bytes, step: Floats, images: Images) -> Floats:
        """Return the gradient of the mean cross entropy at the model plus a step, both in raw units, (n,)."""
        moved = (parameters.flatten(packed) + step) / UNIT
        model, start, tensors = DescribedModel(self.description), 0, {}
        for spec in modelformat.layout(self.description):
            tensors[spec.name] = moved[start : start + spec.size].reshape(spec.shape)
            start += spec.size
        model.load_tensors(tensors)
        numbers = numbers_of(self.description)(torch.from_numpy(images.pixels))
        loss = torch.nn.functional.cross_entropy(model(numbers), torch.from_numpy(images.labels))
        slopes = torch.autograd.grad(loss, list(model.parameters()))
        return torch.cat([slope.flatten() for slope in slopes]).double().numpy()

    def _model(self, packed: bytes) -> DescribedModel:
        model = DescribedModel(self.description)
        parameters.load(model, packed)
        return model
