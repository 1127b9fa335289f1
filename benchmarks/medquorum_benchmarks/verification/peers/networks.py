# SPDX-License-Identifier: Apache-2.0
"""One network for all that are compared: its fixed-point parameters, its float64 logits, its folded float arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from medquorum.clients.training.module import DescribedModel
from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray, decode
from medquorum.core.model import ChainDescription, catalogue, layout
from medquorum.core.model.description import BatchNorm, Layer
from medquorum_benchmarks.verification.engine import parameters

__all__ = ["Network"]

Floats = npt.NDArray[np.float64]
SIDE = 28
CLASSES = 10


@dataclass(frozen=True)
class Network:
    """A model of the catalogue for grayscale 28x28 images, parameters as in ``verification.engine``."""

    name: str

    @cached_property
    def description(self) -> ChainDescription:
        """The model."""
        return ChainDescription.model_validate_json(
            canonical.encode(catalogue.describe(self.name, (1, SIDE, SIDE), CLASSES))
        )

    @cached_property
    def base(self) -> dict[str, IntArray]:
        """Parameters by name, as fixed-point numbers."""
        return parameters(layout(self.description))

    def flat(self) -> IntArray:
        """Return all parameters in layout order."""
        return np.concatenate([self.base[spec.name].reshape(-1) for spec in layout(self.description)])

    @staticmethod
    def images(count: int) -> tuple[npt.NDArray[np.uint8], IntArray]:
        """Return images (count, 28, 28) and labels, the same in every process."""
        rng = np.random.default_rng(1)
        return rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8), rng.integers(0, CLASSES, count)

    def pixels(self, images: npt.NDArray[np.uint8]) -> Floats:
        """Return images (n, 1, 28, 28) as the numbers that the description gives them."""
        return decode(np.array(self.description.pixels, dtype=np.int64))[images][:, None]

    def logits(self, images: npt.NDArray[np.uint8]) -> Floats:
        """Return the float64 logits."""
        result: Floats = self._run(images, torch.float64)().numpy()
        return result

    def seconds(self, images: npt.NDArray[np.uint8], repeats: int) -> float:
        """Time torch in float32 on one thread."""
        run, times = self._run(images, torch.float32), []
        run()
        for _ in range(repeats):
            start = perf_counter()
            run()
            times.append(perf_counter() - start)
        return median(times)

    def _run(self, images: npt.NDArray[np.uint8], dtype: torch.dtype) -> Any:
        model = DescribedModel(self.description).to(dtype).eval()
        model.load_tensors({name: decode(values) for name, values in self.base.items()})
        inputs = torch.tensor(self.pixels(images), dtype=dtype).expand(-1, self.description.input[0], -1, -1)
        inputs = inputs.contiguous()

        def run() -> torch.Tensor:
            with torch.inference_mode():
                result: torch.Tensor = model(inputs)
                return result

        return run

    def folded(self) -> tuple[list[dict[str, Any]], dict[str, npt.NDArray[np.float32]]]:
        """Return the layers and their float32 arrays: batch normalisation folded, repeated channels added up."""
        arrays: dict[str, npt.NDArray[np.float32]] = {}
        path = self._path(self.description.layers, arrays)
        first = path[0].get("weight")
        if first is not None and self.description.input[0] > 1:
            arrays[first] = arrays[first].sum(axis=1, keepdims=True)
        return path, arrays

    def _path(self, layers: Sequence[Layer], arrays: dict[str, npt.NDArray[np.float32]]) -> list[dict[str, Any]]:
        path: list[dict[str, Any]] = []
        for layer, following in zip(layers, [*layers[1:], None], strict=False):
            if layer.op == "batchnorm":
                continue
            if layer.op == "residual":
                body, shortcut = self._path(layer.body, arrays), self._path(layer.shortcut, arrays)
                path.append({"op": "residual", "body": body, "shortcut": shortcut})
                continue
            path.append(layer.model_dump())
            if layer.op == "conv" or layer.op == "dense":
                weight, bias = self._affine(layer.name, following if isinstance(following, BatchNorm) else None)
                if layer.op == "dense":
                    weight = weight.T
                names = {"weight": f"{layer.name}.weight", "bias": f"{layer.name}.bias"}
                path[-1].update(names)
                shape = (1, -1) if layer.op == "dense" else (1, -1, 1, 1)
                arrays[names["weight"]] = np.ascontiguousarray(weight, dtype=np.float32)
                arrays[names["bias"]] = bias.reshape(shape).astype(np.float32)
        return path

    def _affine(self, name: str, norm: BatchNorm | None) -> tuple[Floats, Floats]:
        values = {key: decode(array) for key, array in self.base.items()}
        weight = values[f"{name}.weight"]
        bias = values.get(f"{name}.bias", np.zeros(weight.shape[0]))
        if norm is None:
            return weight, bias
        factor = values[f"{norm.name}.weight"] * values[f"{norm.name}.scale"]
        return (
            weight * factor.reshape(-1, *[1] * (weight.ndim - 1)),
            (bias - values[f"{norm.name}.mean"]) * factor + values[f"{norm.name}.bias"],
        )
