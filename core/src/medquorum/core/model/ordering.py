# SPDX-License-Identifier: Apache-2.0
"""The order in which a description's layers are evaluated, the same in clear and encrypted."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.core.model.description import BatchNorm, Layer

__all__ = ["following_norm", "pools_first"]


def following_norm(items: Sequence[Layer], index: int) -> BatchNorm | None:
    """Give the batch normalisation right after a layer: it is folded into that layer."""
    following = items[index + 1] if index + 1 < len(items) else None
    return following if isinstance(following, BatchNorm) else None


def pools_first(layers: Sequence[Layer]) -> list[Layer]:
    """Move a maximum pooling before the ReLU it follows: fewer values to compare with 0, the same maxima."""
    items = list(layers)
    for index in range(len(items) - 1):
        if items[index].op == "relu" and items[index + 1].op == "maxpool":
            items[index : index + 2] = [items[index + 1], items[index]]
    return items
