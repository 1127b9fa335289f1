# SPDX-License-Identifier: Apache-2.0
"""The gate without a browser: it is asked for twice, what failed is printed, and the tests are told to require it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/bash", *lines, "")))
    path.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the gate over tests that say what is required, and a machine without Chromium."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    script(tmp_path / "scripts/test", 'echo "browser required: ${CI_REQUIRE_BROWSER:-no}"')
    for name in ("bash", "env", "dirname", "timeout", "touch"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def gate(place: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(place / "bin"), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([place / ".ci/run"], env=environment, capture_output=True, text=True, timeout=60)


def test_a_failure_of_apt_is_told_after_a_second_try_and_the_browser_stays_required(place: Path) -> None:
    script(place / "bin/apt-get", 'echo "E: no mirror for $1" >&2', "exit 100")
    done = gate(place)
    assert done.stderr.count("E: no mirror for update") == 2
    assert "ERROR: Chromium could not be installed" in done.stderr
    assert done.stdout == "browser required: 1\n"


def test_a_second_try_may_do(place: Path) -> None:
    script(place / "bin/apt-get", f'[ -e "{place}/tried" ] && exit 0', f'touch "{place}/tried"', "exit 100")
    done = gate(place)
    assert "ERROR" not in done.stderr
    assert done.stdout == "browser required: 1\n"


def test_without_apt_the_browser_is_required_too(place: Path) -> None:
    done = gate(place)
    assert "ERROR: Chromium could not be installed" in done.stderr
    assert done.stdout == "browser required: 1\n"


def test_an_installed_browser_is_taken(place: Path) -> None:
    script(place / "bin/chromium")
    done = gate(place)
    assert (done.stdout, done.stderr) == ("browser required: 1\n", "")
