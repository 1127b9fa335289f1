# SPDX-License-Identifier: Apache-2.0
"""Fields that both versions of the model format share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Name", "Number", "Pixels", "Size", "StrictDocument"]

Size: TypeAlias = Annotated[int, Field(ge=1, le=1 << 16)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,80}$")]
Number: TypeAlias = Annotated[int, Field(gt=-(1 << 21), lt=1 << 21)]
"""A model's input: below 32, with 16 fraction bits."""
Pixels: TypeAlias = Annotated[tuple[Number, ...], Field(min_length=256, max_length=256)]


class StrictDocument(BaseModel):
    """A document of known fields only, each of its own type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)
