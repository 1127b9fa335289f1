# SPDX-License-Identifier: Apache-2.0
"""The limits and types of the documents' fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medquorum.core.rules.direction.weights import WEIGHT_BITS

__all__ = [
    "HASH_PATTERN",
    "MAX_CHUNKS",
    "MAX_DATASET",
    "MAX_MEMBERS",
    "MAX_ROUND",
    "MSP_PATTERN",
    "TASK_PATTERN",
    "Claimants",
    "CountsByModel",
    "Hash",
    "Images",
    "MspId",
    "Quality",
    "ReasonCode",
    "RoundIndex",
    "TaskName",
    "Weight",
]

MAX_ROUND = 999_999
MAX_CHUNKS = 4096
MAX_DATASET = 1_000_000
MAX_MEMBERS = 256
"""Hospitals or verifiers of a task."""

TASK_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
MSP_PATTERN = r"[A-Za-z0-9.-]{1,64}"
HASH_PATTERN = r"[0-9a-f]{64}"

Hash = Annotated[str, Field(pattern=f"^{HASH_PATTERN}$")]
MspId = Annotated[str, Field(pattern=f"^{MSP_PATTERN}$")]
Claimants = Annotated[list[MspId], Field(min_length=1, max_length=2)]
"""Parties on whose word an update was refused unevaluated, sorted."""
TaskName = Annotated[str, Field(pattern=f"^{TASK_PATTERN}$")]
RoundIndex = Annotated[int, Field(ge=0, le=MAX_ROUND)]
Images = Annotated[int, Field(ge=0, le=MAX_DATASET)]
"""A number of images of the verification set."""
CountsByModel = dict[Literal["total", "base", "mixed", "own", "aggregate"], Images]
"""Images a model classifies correctly, for each model a rule looks at, and how many there are."""
Quality = Annotated[int, Field(ge=-MAX_DATASET, le=MAX_DATASET)]
Weight = Annotated[int, Field(ge=0, le=1 << WEIGHT_BITS)]
"""An update's part of the next model, of 2^8."""
ReasonCode = Annotated[str, Field(pattern=r"^[A-Z_]{1,32}$")]
