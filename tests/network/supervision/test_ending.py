# SPDX-License-Identifier: Apache-2.0
"""Why a process ended is said in the words of its log, its signal or the system's count."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medquorum.network.supervision import ending
from medquorum.network.supervision.ending import memory_kills, why_ended


def ended(program: str, log: Path) -> tuple[str, str]:
    """Run a Python program with its output in a log; return why it ended."""
    with log.open("w") as output:
        done = subprocess.run([sys.executable, "-c", program], stdout=output, stderr=output)
    return why_ended(done.returncode, log, memory_kills())


def test_the_last_error_of_the_log_is_the_cause(tmp_path: Path) -> None:
    cause, remedy = ended("print('begun'); raise ValueError('no such peer')", tmp_path / "a.log")
    assert cause == "exit code 1: ValueError: no such peer"
    assert str(tmp_path / "a.log") in remedy
    assert ended("print('all'); print('over'); exit(3)", tmp_path / "b.log")[0] == "exit code 3: over"
    assert why_ended(4, tmp_path / "missing.log")[0] == "exit code 4: it wrote nothing"


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    cause, remedy = ended("open('/dev/full', 'w', buffering=1).write('x\\n')", tmp_path / "a.log")
    assert cause == "the disk is full"
    assert "Make space" in remedy
    assert (
        why_ended(1, tmp_path / "a.log", since=(tmp_path / "a.log").stat().st_size)[0] != cause
    )  # an earlier process'


def test_a_signal_is_named_and_memory_only_where_the_system_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cause, _ = ended("import os; os.kill(os.getpid(), 9)", tmp_path / "a.log")
    assert cause == "killed by SIGKILL, which did not come from here"
    (tmp_path / "cgroup").write_text("0::/unit\n")
    events = tmp_path / "unit" / "memory.events"
    events.parent.mkdir()
    events.write_text("oom 2\noom_kill 2\n")
    monkeypatch.setattr(ending, "CGROUPS", tmp_path)
    monkeypatch.setattr(ending, "MEMBERSHIP", tmp_path / "cgroup")
    assert memory_kills() == 2
    log = tmp_path / "a.log"
    assert "memory" not in why_ended(-signal.SIGKILL, log, 2)[0]
    assert "memory" not in why_ended(-signal.SIGKILL, log, None)[0]
    assert why_ended(-signal.SIGKILL, log, 1)[0] == "the system killed it for memory"
    assert "memory" not in why_ended(-signal.SIGTERM, log, 1)[0]


def test_the_first_kind_of_control_groups_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup").write_text("4:memory:/unit\n0::/\n")
    (tmp_path / "memory" / "unit").mkdir(parents=True)
    (tmp_path / "memory" / "unit" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    monkeypatch.setattr(ending, "CGROUPS", tmp_path)
    monkeypatch.setattr(ending, "MEMBERSHIP", tmp_path / "cgroup")
    assert memory_kills() == 5
