# SPDX-License-Identifier: Apache-2.0
"""Role processes of a run: whatever comes in between, none is left."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medquorum_federation.processes import roles as role_processes
from medquorum_federation.processes.roles import Roles


def test_an_interrupt_while_a_process_is_made_waits_until_it_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = [], subprocess.Popen

    def interrupted(command: list[str], **options: Any) -> subprocess.Popen[str]:
        made.append(make([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        signal.raise_signal(signal.SIGINT)
        return made[0]

    monkeypatch.setattr(role_processes.subprocess, "Popen", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt), Roles(tmp_path) as roles:
            roles.start("hospital1", ["hospital", "run"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert made[0].poll() == -signal.SIGTERM


def test_a_process_that_ends_early_is_told_with_its_own_last_error(tmp_path: Path) -> None:
    with Roles(tmp_path) as roles:
        missing = str(tmp_path / "no.json")
        given = ["--profile", missing, "--task", "t", "--state-dir", str(tmp_path / "state")]
        roles.start("coordinator", ["coordinator", "run", *given])
        line = next(roles.lines())
        assert line.content["event"] == "exited"
        error = roles.ended(line.role, line.content["code"])
    assert error.cause.startswith("coordinator ended before its task did: exit code 10: error: ")
    assert missing in error.cause
    assert "coordinator.log" in error.remedy


def test_a_killed_process_is_told_with_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = subprocess.Popen
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(role_processes.subprocess, "Popen", lambda command, **options: make(sleeping, **options))
    with Roles(tmp_path) as roles:
        roles.start("hospital1", [])
        roles._processes["hospital1"].kill()
        line = next(roles.lines())
        error = roles.ended(line.role, line.content["code"])
    assert "killed by SIGKILL, which did not come from here" in error.cause
