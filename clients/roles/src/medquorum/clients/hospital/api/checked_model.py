# SPDX-License-Identifier: Apache-2.0
"""A model of the ledger that has passed its checks, in a hospital's hands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum.core.model import ModelDescription

if TYPE_CHECKING:
    import torch
    from torch import nn

    from medquorum.clients.training.module import DescribedModel

    M = TypeVar("M", bound=nn.Module)

__all__ = ["CheckedModel"]


@dataclass(frozen=True)
class CheckedModel:
    """A model whose chunks, manifest, hash, round and attestations are what the ledger promises.

    Attributes
    ----------
    hash
        The model's name on the ledger.
    round
        The round it is the result of; 0 is the initial model.
    packed
        int32, little-endian, in layout order.
    """

    task: Task = field(repr=False)
    hash: str
    round: int
    packed: bytes = field(repr=False)

    @property
    def description(self) -> ModelDescription:
        """The model's layers, input and classes."""
        return modelformat.parse(self.task.model)

    def integers(self) -> dict[str, npt.NDArray[np.int32]]:
        """Return the ledger's own numbers by the layout's names: real values times 2^16."""
        return modelformat.unpack(self.description, self.packed)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the tensors by torch's names, float32."""
        from medquorum.clients.training.formats.state import state_of

        return state_of(self.description, self.packed)

    def module(self) -> DescribedModel:
        """Return the described network with this model's parameters."""
        from medquorum.clients.training.module import DescribedModel

        return self.load_into(DescribedModel(self.description))

    def load_into(self, module: M) -> M:
        """Load the parameters into a module of one's own; return it.

        Raises
        ------
        ModelError
            The module's tensors are not the model's: names, shapes, tied weights.
        """
        from medquorum.clients.training.formats.state import load_into

        load_into(module, self.description, self.packed)
        return module

    def export(self, path: Path | str, images: npt.NDArray[np.uint8] | None = None) -> float:
        """Write the model as .safetensors, .pt2 (torch.export) or .onnx, with task, round, hash and input.

        The file's float logits are compared with the ledger's integers, on ``images`` (uint8) or on noise; what differs
        by more than docs/reference/evaluation.md allows is not written.

        Returns
        -------
        The largest difference of the logits.

        Raises
        ------
        ConfigError
            The suffix names no such format; ONNX needs the extra ``onnx``.
        ModelError
            The logits differ by more.
        """
        from medquorum.clients.training.formats.export import export

        about = {"task": self.task.task, "round": str(self.round), "model": self.hash, "layout": self.task.layout}
        return export(Path(path), self.description, self.packed, about, images)
