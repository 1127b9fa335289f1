# SPDX-License-Identifier: Apache-2.0
"""Every command and sub-command that is installed answers --help, and says what it does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from medquorum.clients.cli import app as roles
from medquorum.network.cli.main import app as networks

ROOT = Path(__file__).resolve().parents[2]
OF_OTHERS = re.compile(r"fabric/builder/|training/own/worker|supervision/zygote|reporting/references")
"""Programs that other programs start, by a protocol: a peer, or a process of ours."""
SOURCES = ("core", "clients", "chaincode", "verifier", "network", "scripts")


def modules() -> list[str]:
    """Return what ``python -m`` runs: packages with ``__main__``, and modules that end with a main part."""
    found = set()
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            place = path.as_posix()
            parts = path.with_suffix("").parts
            top = next((i for i, part in enumerate(parts) if part in ("medquorum", "medquorum_federation")), None)
            if top is None or OF_OTHERS.search(place) or ".venv" in parts:
                continue
            if path.name == "__main__.py" or "\nif __name__ ==" in path.read_text():
                found.add(".".join(parts[top:]).removesuffix(".__main__"))
    return sorted(found)


def scripts() -> list[str]:
    return sorted(entry.name for entry in entry_points(group="console_scripts") if entry.value.startswith("medquorum"))


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


APPS = {"medquorum": roles, "medquorum-network": networks}
PATHS = [path for name, app in APPS.items() for path in commands(get_command(app), (name,))]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_sub_command_answers_and_says_what_it_does(path: tuple[str, ...]) -> None:
    name, *below = path
    done = CliRunner().invoke(APPS[name], [*below, "--help"], prog_name=name)
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output
    command: Any = get_command(APPS[name])
    for part in below:
        command = command.commands[part]
    assert command.help, f"{' '.join(path)} does not say what it does"


@pytest.mark.parametrize("script", scripts())
def test_every_installed_script_answers(script: str) -> None:
    command = [str(Path(sys.executable).with_name(script)), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout.lower()


@pytest.mark.parametrize("module", modules())
def test_every_program_answers(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout.lower()


def test_the_walk_finds_them() -> None:
    assert {"medquorum", "medquorum-network", "medquorum-chaincode"} <= set(scripts())
    assert {"medquorum.chaincode", "medquorum.network.devnet", "medquorum_federation.experiments"} <= set(modules())
    assert ("medquorum", "hospital", "run") in PATHS
