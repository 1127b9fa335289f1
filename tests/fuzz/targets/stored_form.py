# SPDX-License-Identifier: Apache-2.0
"""A model's chunk in its stored form, of the length that goes before it."""

import numpy as np

from medquorum.core.model import from_stored_form, stored_form

CHUNKS = [
    np.arange(-200, 200, dtype="<i4").tobytes(),
    bytes(4 * 300),
    np.array([2**31 - 1, -(2**31)], "<i4").tobytes(),
]
SEEDS = [len(chunk).to_bytes(4, "little") + stored_form(chunk) for chunk in CHUNKS]


def run(data: bytes) -> None:
    length = int.from_bytes(data[:4], "little") % (1 << 20)
    chunk = from_stored_form(data[4:], length)
    if len(chunk) != length or stored_form(chunk) != data[4:]:
        raise AssertionError("two stored forms of one chunk")
