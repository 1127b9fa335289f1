# SPDX-License-Identifier: Apache-2.0
"""The paths of the encrypted engine's inner loops that this machine and checkout can run."""

import pytest

from medquorum.verifier.arithmetic.kernels.compile import LEVELS
from medquorum.verifier.arithmetic.kernels.library import PURE, VARIABLE, Library, library, usable_levels

__all__ = ["COMPILED", "use"]

COMPILED = [
    pytest.param(level, marks=pytest.mark.skipif(level not in usable_levels(), reason=f"no {level} kernels here"))
    for level in LEVELS
]


def use(monkeypatch: pytest.MonkeyPatch, level: str) -> Library | None:
    """Make a path the one in use."""
    monkeypatch.setenv(VARIABLE, level)
    found = library()
    assert (PURE if found is None else found.level) == level
    return found
