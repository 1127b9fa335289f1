# SPDX-License-Identifier: Apache-2.0
"""Batch statistics of one's own images, for local use: a scanner's contrast is not the consortium's average."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from medquorum.errors import DataError

__all__ = ["recalibrate"]

M = TypeVar("M", bound=nn.Module)


def recalibrate(module: M, loader: Iterable[Any]) -> M:
    """Estimate every batch normalisation's mean and variance anew, on own images; all weights stay.

    The module is changed in place and returned. It is for local use: submit what was trained, not this.

    Parameters
    ----------
    loader
        Batches of inputs, or tuples that begin with them, as numbers the module takes.

    Raises
    ------
    DataError
        There is no batch, or one that cannot be normalised: a single value of a channel.
    """
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    modes = [(part, part.training) for part in module.modules()]
    momenta = [norm.momentum for norm in norms]
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    batches = 0
    try:
        module.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the average of all batches
            norm.train()
        with torch.no_grad():
            for batch in loader:
                module((batch[0] if isinstance(batch, tuple | list) else batch).to(device))
                batches += 1
    except ValueError as error:
        raise DataError(
            f"a batch cannot be normalised: {error}", "Use larger batches, without a rest of one"
        ) from error
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for part, mode in modes:
            part.training = mode
    if not batches:
        raise DataError("there is no batch to estimate statistics from", "Give a loader with at least one batch")
    return module
