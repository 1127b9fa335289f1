# SPDX-License-Identifier: Apache-2.0
"""Roles forked from a zygote: processes like others, and none outlives it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from medquorum.errors import NetworkError, __version__
from medquorum.network.supervision.waiting import await_true
from medquorum_federation.processes.forking import ForkedRole, RoleZygote
from medquorum_federation.processes.roles import Roles


@pytest.fixture(scope="module")
def zygote() -> Iterator[RoleZygote]:
    with RoleZygote() as made:
        yield made


def fork(zygote: RoleZygote, log: Path, *arguments: str) -> ForkedRole:
    with log.open("ab") as file:
        return zygote.role(arguments, file.fileno())


def waiting(zygote: RoleZygote, folder: Path) -> ForkedRole:
    """A role that waits for its images: they are a pipe that nobody writes to."""
    images = folder / "images.npz"
    os.mkfifo(images)
    profile = str(folder / "profile.json")
    role = fork(zygote, folder / "log", "hospital", "run", "--profile", profile, "--task", "t", "--data", str(images))
    await_true(lambda: str(images) in command(role), 20, "the role has no title")
    return role


def said(role: ForkedRole) -> str:
    """All that it prints until it ends."""
    with role.stdout:
        return role.stdout.read()


def command(role: ForkedRole) -> str:
    return " ".join(psutil.Process(role.pid).cmdline()).strip()


def test_a_role_has_its_own_output_log_and_exit_code(zygote: RoleZygote, tmp_path: Path) -> None:
    for _ in range(2):
        role = fork(zygote, tmp_path / "log", "--version")
        assert said(role) == f"medquorum {__version__}\n"
        assert role.wait(20) == 0
    wrong = fork(zygote, tmp_path / "log", "hospital", "run")
    assert wrong.wait(20) == 2
    assert said(wrong) == ""
    assert "Missing option" in (tmp_path / "log").read_text()


def test_a_role_is_a_process_of_its_own(zygote: RoleZygote, tmp_path: Path) -> None:
    role = waiting(zygote, tmp_path)
    assert "-m medquorum.clients hospital run --profile" in command(role)
    assert os.getsid(role.pid) == os.getpgid(role.pid) == role.pid
    files = {os.readlink(entry) for entry in Path(f"/proc/{role.pid}/fd").iterdir()}
    assert not any(name.startswith("socket:") for name in files)
    assert sum(name.startswith("pipe:") for name in files) == 1
    os.kill(role.pid, signal.SIGTERM)
    assert role.wait(20) == -signal.SIGTERM
    assert said(role) == ""


def test_roles_of_a_run_end_with_it(zygote: RoleZygote, tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    os.mkfifo(images)
    with Roles(tmp_path / "logs", zygote) as roles:
        roles.start("hospital1", ["hospital", "run", "--profile", "p", "--task", "t", "--data", str(images)])
        roles.start("hospital2", ["hospital", "run"])
        line = next(roles.lines())
        assert (line.role, line.content) == ("hospital2", {"event": "exited", "code": 2})
        assert "Missing option" in str(roles.ended("hospital2", 2))
    line = next(roles.lines())
    assert (line.role, line.content) == ("hospital1", {"event": "exited", "code": -signal.SIGTERM})


def test_roles_end_with_a_killed_zygote(tmp_path: Path) -> None:
    with RoleZygote() as zygote:
        role = waiting(zygote, tmp_path)
        process = psutil.Process(role.pid)
        (parent,) = (one for one in psutil.Process().children() if one.pid == process.ppid())
        parent.kill()
        assert role.wait(20) == 1
        await_true(lambda: not process.is_running(), 20, "the role goes on")
        with pytest.raises(NetworkError, match="does not answer"):
            fork(zygote, tmp_path / "log", "--version")
        assert said(role) == ""
