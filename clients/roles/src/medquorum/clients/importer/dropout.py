# SPDX-License-Identifier: Apache-2.0
"""Functions of torch that leave values out by chance, and a mode in which they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["WithoutDropout"]

_DROPOUTS = {
    functional.alpha_dropout,
    functional.dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
    functional.feature_alpha_dropout,
}


class WithoutDropout(TorchFunctionMode):
    """In it no dropout changes a value, not even one that eval mode leaves on: the ledger's model has none."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a dropout's input, or what any other function gives."""
        given = dict(kwargs or {})
        if func in _DROPOUTS:
            return args[0] if args else given["input"]
        return func(*args, **given)
