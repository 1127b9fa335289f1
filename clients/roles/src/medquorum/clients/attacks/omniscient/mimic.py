# SPDX-License-Identifier: Apache-2.0
"""Mimic: all attackers copy one honest hospital, so that it counts too much (Karimireddy et al. 2022)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["mimic"]

Floats = npt.NDArray[np.float64]


def mimic(honest: Floats) -> Floats:
    """Return the honest step that is furthest out along the direction in which honest steps differ most."""
    centred = honest - honest.mean(axis=0)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    # Of the Gram matrix the eigenvector holds each row's share of the principal direction.
    step: Floats = honest[int(np.abs(vectors[:, -1]).argmax())]
    return step
