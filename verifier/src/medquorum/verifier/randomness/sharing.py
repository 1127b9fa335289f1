# SPDX-License-Identifier: Apache-2.0
"""Additive sharing in Z_2^64 between two parties; one share is only a 32-byte seed."""

from __future__ import annotations

from typing import NamedTuple

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.randomness.stream import Stream, new_seed

__all__ = ["Shares", "expand", "reconstruct", "share"]


class Shares(NamedTuple):
    """Two shares of a vector: ``full`` + expand(``seed``) = the vector modulo 2^64. Neither alone tells anything."""

    seed: bytes
    full: IntArray

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"Shares(<{self.full.shape[0]} elements>)"


def share(values: IntArray, label: bytes, seed: bytes | None = None) -> Shares:
    """Split a vector (n,); the seed comes from the operating system unless a test gives one."""
    chosen = new_seed() if seed is None else seed
    return Shares(chosen, values - expand(chosen, label, values.shape[0]))


def expand(seed: bytes, label: bytes, count: int) -> IntArray:
    """Return the share of ``count`` elements that a seed stands for."""
    return Stream(seed, b"share" + label).words(count)


def reconstruct(first: IntArray, second: IntArray) -> IntArray:
    """Add two shares."""
    return first + second
