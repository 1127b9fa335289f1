# SPDX-License-Identifier: Apache-2.0
"""MNIST's files, plain and packed."""

import gzip

from medquorum.clients.data.idx import read_idx
from medquorum_testing.fuzzing.runner import scratch_file

PLAIN, PACKED = scratch_file("plain"), scratch_file("packed.gz")
WHOLE = b"\0\0\x08\x03" + b"".join(number.to_bytes(4, "big") for number in (2, 3, 3)) + bytes(18)
EMPTY = b"\0\0\x08\x04" + bytes(4) + b"\x7f" * 12
SEEDS = [WHOLE, gzip.compress(WHOLE), EMPTY, b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"1"]


def run(data: bytes) -> None:
    packed = data[:2] == b"\x1f\x8b"
    (PACKED if packed else PLAIN).write_bytes(data)
    read_idx(PACKED.with_suffix("") if packed else PLAIN)
