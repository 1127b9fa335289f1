# SPDX-License-Identifier: Apache-2.0
"""The limits and types of the documents' fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = [
    "HASH_PATTERN",
    "MAX_CHUNKS",
    "MAX_ROUND",
    "MSP_PATTERN",
    "TASK_PATTERN",
    "Hash",
    "MspId",
    "RoundIndex",
    "TaskName",
]

MAX_ROUND = 999_999
MAX_CHUNKS = 4096

TASK_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
MSP_PATTERN = r"[A-Za-z0-9.-]{1,64}"
HASH_PATTERN = r"[0-9a-f]{64}"

Hash = Annotated[str, Field(pattern=f"^{HASH_PATTERN}$")]
MspId = Annotated[str, Field(pattern=f"^{MSP_PATTERN}$")]
TaskName = Annotated[str, Field(pattern=f"^{TASK_PATTERN}$")]
RoundIndex = Annotated[int, Field(ge=0, le=MAX_ROUND)]
