# SPDX-License-Identifier: Apache-2.0
"""Every command line in the documents is one that the program of that name takes: its verbs, options and values."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from medquorum.clients.cli import app as roles
from medquorum.network.cli.main import app as networks
from medquorum_federation.__main__ import app as quickstart
from medquorum_federation.experiments.__main__ import app as experiments
from medquorum_federation.study.__main__ import app as study

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")])
PROGRAMS = {
    "medquorum": roles,
    "medquorum-network": networks,
    "./scripts/network.sh": networks,
    "./scripts/quickstart": quickstart,
    "./scripts/experiments": experiments,
    "./scripts/experiments rules": study,
}
BLOCK = re.compile(r"^ *```(?:sh|bash|console)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def lines() -> list[tuple[str, list[str]]]:
    """Return each command line with its document: what stands in a block and begins with a program's name."""
    found = []
    for document in DOCUMENTS:
        for block in BLOCK.findall(document.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words = line.strip().removeprefix("$ ")
                drawn = "  " in words.partition("#")[0].strip()
                if words.split(" ")[0] in PROGRAMS and "..." not in words and not drawn:
                    found.append((document.relative_to(ROOT).as_posix(), shlex.split(words, comments=True)))
    return found


LINES = lines()


@pytest.mark.parametrize(("document", "words"), LINES, ids=[f"{place}: {' '.join(words)}" for place, words in LINES])
def test_a_command_line_is_taken(document: str, words: list[str]) -> None:
    name, *arguments = words
    if words[:2] == ["./scripts/experiments", "rules"]:
        name, arguments = "./scripts/experiments rules", arguments[1:]
    command: Any = get_command(PROGRAMS[name])
    while commands := getattr(command, "commands", None):
        assert arguments and arguments[0] in commands, f"{document}: {name} has no {arguments[:1]}"
        name, command, arguments = f"{name} {arguments[0]}", commands[arguments[0]], arguments[1:]
    command.make_context(name, arguments)


def test_there_are_some_of_each() -> None:
    assert {words[0] for _, words in LINES} == {name for name in PROGRAMS if " " not in name}
    assert len(LINES) > 40
