# SPDX-License-Identifier: Apache-2.0
"""The verification set that a verifier mounts (safetensors)."""

from medquorum.core.dataset import VerificationSet
from medquorum_testing.fuzzing.runner import scratch_file
from medquorum_testing.ledger.consortium_ledger import verification_set

PATH = scratch_file("set.safetensors")
verification_set(4).write(PATH)
SEEDS = [PATH.read_bytes()]


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    VerificationSet.read(PATH).commitment()
