# SPDX-License-Identifier: Apache-2.0
"""Limits of a described model: they bound a verifier's work and memory."""

from __future__ import annotations

__all__ = ["MAX_ACTIVATIONS", "MAX_PARAMETERS", "MAX_PRODUCTS", "MAX_WINDOWS"]

MAX_ACTIVATIONS = 1 << 22
"""Values in a layer."""
MAX_PARAMETERS = 1 << 25
MAX_PRODUCTS = 1 << 33
"""Multiplications for one image: they bound a verifier's work."""
MAX_WINDOWS = 1 << 25
"""Values in all windows of a convolution for one image: they bound a verifier's memory."""
