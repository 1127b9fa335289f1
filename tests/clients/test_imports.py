# SPDX-License-Identifier: Apache-2.0
"""What a process loads: torch costs seconds and half a gigabyte, and only training and encrypted tasks need it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["clients.cli", "hospital", "admin", "auditor"])
def test_torch_is_not_loaded_before_it_is_needed(module: str) -> None:
    look = f"import sys, medquorum.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0
