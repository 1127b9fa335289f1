# SPDX-License-Identifier: Apache-2.0
"""Role processes of a run: whatever comes in between, none is left."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medquorum_federation import processes
from medquorum_federation.processes import Roles


def test_an_interrupt_while_a_process_is_made_waits_until_it_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = [], subprocess.Popen

    def interrupted(command: list[str], **options: Any) -> subprocess.Popen[str]:
        made.append(make([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        signal.raise_signal(signal.SIGINT)
        return made[0]

    monkeypatch.setattr(processes.subprocess, "Popen", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt), Roles(tmp_path) as roles:
            roles.start("hospital1", ["hospital", "run"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert made[0].poll() == -signal.SIGTERM
