# SPDX-License-Identifier: Apache-2.0
"""What NVFlare's client API exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["FLModel", "ParamsType"]


class ParamsType(StrEnum):
    """Whether ``params`` are a model, or what is to be added to the one received."""

    FULL = "FULL"
    DIFF = "DIFF"


@dataclass
class FLModel:
    """A model or an update, with NVFlare's names.

    Attributes
    ----------
    params
        Tensors by torch's names.
    current_round, total_rounds
        Counted from 0.
    """

    params_type: ParamsType | str | None = None
    params: Mapping[str, torch.Tensor] | None = None
    optimizer_params: Any = None
    metrics: dict[str, Any] | None = None
    start_round: int | None = 0
    current_round: int | None = None
    total_rounds: int | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.params_type is not None:
            self.params_type = ParamsType(self.params_type)
        elif self.params is not None:
            self.params_type = ParamsType.FULL
        if self.params_type is not None and self.params is None:
            raise ValueError(f"params must be provided when params_type is {self.params_type}")
