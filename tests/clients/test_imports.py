# SPDX-License-Identifier: Apache-2.0
"""What a process loads: torch costs seconds and half a gigabyte, and only training and encrypted tasks need it."""

import subprocess
import sys


def test_the_command_line_loads_no_torch() -> None:
    look = "import sys, medquorum.clients.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0
