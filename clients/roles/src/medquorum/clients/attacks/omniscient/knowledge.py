# SPDX-License-Identifier: Apache-2.0
"""What an omniscient attacker knows of a round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.images import Images

__all__ = ["Floats", "Gradient", "Knowledge"]

Floats = npt.NDArray[np.float64]
Gradient: TypeAlias = Callable[[Floats, Images], Floats]
"""Takes a step from w (n,) and images; returns the gradient of their mean loss at w plus that step, (n,)."""


@dataclass(frozen=True)
class Knowledge:
    """The round as an attacker sees it who sees everything.

    Attributes
    ----------
    honest
        The honest steps, float64 (h, n).
    attackers
        How many hospitals attack, this one among them.
    root
        The root step d_0, float64 (n,).
    share
        1 - λ: how far a plain average would go.
    gradient
        Of the loss on images of the attacker's choice.
    aggregate
        The step the defence would make of all steps (k, n), the honest first; None where it cannot be tried.
    """

    honest: Floats
    attackers: int
    root: Floats
    share: float
    gradient: Gradient
    aggregate: Callable[[Floats], Floats] | None = None
