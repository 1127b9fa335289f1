# SPDX-License-Identifier: Apache-2.0
"""Run one gate of the encrypted evaluation: a dealer, then two parties in two threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

T = TypeVar("T")
SEEDS = (bytes(range(32)), bytes(range(100, 132)))
NAME = MaterialId("task", 1, "HospitalMSP")


def split(values: IntArray, seed: int = 0) -> tuple[IntArray, IntArray]:
    """Share values for a test."""
    other = np.random.default_rng(seed).integers(-(1 << 63), 1 << 63, values.shape, dtype=np.int64)
    return values - other, other


def together(deal: Callable[[GateDealer], object], play: Callable[[Party, GateRandomness], T]) -> tuple[T, T]:
    """Deal one gate and return what the parties make of it."""
    dealt = GateDealer(SEEDS, NAME)
    deal(dealt)
    messages = dealt.messages()
    transports = in_process()

    def run(index: int) -> T:
        randomness = GateRandomness(index, SEEDS[index], NAME, messages[index])
        try:
            result = play(Party(index, transports[index]), randomness)
            randomness.finish()
        finally:
            transports[index].close()
        return result

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, (0, 1))
    return first, second
