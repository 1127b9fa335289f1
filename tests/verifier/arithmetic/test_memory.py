# SPDX-License-Identifier: Apache-2.0
"""A process that verifies asks the kernel for its pages once."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from medquorum.verifier.arithmetic.memory import keep_memory
{call}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    arrays = [np.ones(size << 17) for size in (1, 3, 40)]  # MiB
    return sum(array[-1] for array in arrays)
use()
before = faults()
for _ in range(5):
    use()
print(faults() - before)
"""


def faults(call):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(call=call)], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_used_again():
    assert faults("keep_memory()") < 50 < faults("")
