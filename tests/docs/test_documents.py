# SPDX-License-Identifier: Apache-2.0
"""The documents keep to their form: links resolve, lines and paragraphs are short, commands have the options named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from medquorum.clients.cli import app as medquorum
from medquorum.network.cli.main import app as medquorum_network
from medquorum_federation.__main__ import app as quickstart
from medquorum_federation.experiments.__main__ import app as experiments
from medquorum_federation.study.__main__ import app as rules

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(path for folder in ("[!.]*", "[!.]*/[!.]*") for path in ROOT.glob(f"{folder}/README.md")),
    }
)
COMMANDS = {
    "medquorum": get_command(medquorum),
    "medquorum-network": get_command(medquorum_network),
    "./scripts/quickstart": get_command(quickstart),
    "./scripts/experiments": get_command(experiments),
    "./scripts/experiments rules": get_command(rules),
}

LINE, CELL, WORDS, NUMBERS, README_LINES = 160, 200, 90, 25, 120

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*```")
BULLET = re.compile(r"^\s*([-*]|\d+\.)\s")
COMMAND = re.compile(f"(?:{'|'.join(map(re.escape, COMMANDS))}) \\S.*")
INLINE_CODE = re.compile(r"`([^`]+)`")


class Line(NamedTuple):
    """One line of a document: its number from 1, its text, and whether it stands in a fenced block."""

    number: int
    text: str
    fenced: bool


def lines(document: Path) -> list[Line]:
    """Return a document's lines."""
    found, fenced = [], False
    for number, text in enumerate(document.read_text().splitlines(), 1):
        fence = FENCE.match(text) is not None
        found.append(Line(number, text, fenced or fence))
        fenced ^= fence
    assert not fenced, f"{document.name}: a fenced block is not closed"
    return found


def is_table(text: str) -> bool:
    """Return whether a line is a row of a table."""
    return text.lstrip().startswith("|")


def paragraphs(document: Path) -> Iterator[tuple[int, str]]:
    """Yield each paragraph or item of a list, with the number of its first line."""
    start, held = 0, ""
    for line in [*lines(document), Line(0, "", False)]:
        outside = line.fenced or not line.text.strip() or is_table(line.text) or line.text.startswith("#")
        if held and (outside or BULLET.match(line.text)):
            yield start, held
            held = ""
        if not outside:
            start = start if held else line.number
            held += " " + line.text
    assert not held


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = [line.text.lstrip("#") for line in lines(document) if line.text.startswith("#") and not line.fenced]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def commands(document: Path) -> Iterator[tuple[int, str]]:
    """Yield the command lines of this project that a document names, in fenced blocks and in inline code."""
    held, start = "", 0
    for line in lines(document):
        if not line.fenced:
            yield from ((line.number, code) for code in INLINE_CODE.findall(line.text) if COMMAND.fullmatch(code))
            continue
        text = line.text.strip().removeprefix("$ ")
        if held or COMMAND.fullmatch(text):
            start = start or line.number
            held += text.removesuffix("\\")
            if not text.endswith("\\"):
                yield start, held
                held, start = "", 0


def options(command: TyperCommand) -> set[str]:
    """Return the names of a command's own options."""
    return {"--help", *(name for option in command.params for name in (*option.opts, *option.secondary_opts))}


def all_options(command: TyperCommand) -> set[str]:
    """Return the names of the options of a command and of all commands below it."""
    below = command.commands.values() if isinstance(command, TyperGroup) else ()
    return options(command).union(*(all_options(one) for one in below))


def unknown_words(command_line: str) -> list[str]:
    """Return the subcommand that a command line's group does not have, or the options its command does not have."""
    program, *rest = shlex.split(command_line, comments=True)
    command = COMMANDS[program]
    if rest and f"{program} {rest[0]}" in COMMANDS:
        command = COMMANDS[f"{program} {rest.pop(0)}"]
    while isinstance(command, TyperGroup):
        # Prose may stop at a group, or write a placeholder: medquorum COMMAND.
        if not rest or not re.fullmatch(r"[a-z][A-Za-z-]*", rest[0]):
            return []
        word = rest.pop(0)
        if word not in command.commands:
            return [word]
        command = command.commands[word]
    known = options(command)
    return [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]


def check_whole(command_line: str) -> None:
    """Have a program read a command line as it would before it runs it: nothing is missing, each value is of its kind.

    Raises
    ------
    Exception
        The command's own usage error.
    """
    program, *rest = shlex.split(command_line, comments=True)
    command = COMMANDS[program]
    if rest and f"{program} {rest[0]}" in COMMANDS:
        command = COMMANDS[f"{program} {rest.pop(0)}"]
    while isinstance(command, TyperGroup):
        command = command.commands[rest.pop(0)]
    command.make_context(program, rest)


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall("\n".join(line.text for line in lines(document) if not line.fenced)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_lines_and_cells_are_short(document: Path) -> None:
    long_lines = [line.number for line in lines(document) if not is_table(line.text) and len(line.text) > LINE]
    rows = [line for line in lines(document) if is_table(line.text) and not line.fenced]
    long_cells = [
        row.number for row in rows if any(len(cell.strip()) > CELL for cell in re.split(r"(?<!\\)\|", row.text))
    ]
    assert (long_lines, long_cells) == ([], [])


def test_paragraphs_are_short_and_numbers_standby_tables(document: Path) -> None:
    found = list(paragraphs(document))
    assert [start for start, text in found if len(text.split()) > WORDS] == []
    assert [start for start, text in found if sum(any(map(str.isdigit, w)) for w in text.split()) > NUMBERS] == []


def test_commands_have_the_options_that_are_named(document: Path) -> None:
    wrong = [(number, line, words) for number, line in commands(document) if (words := unknown_words(line))]
    assert not wrong


def test_a_fenced_command_is_taken_as_it_stands(document: Path) -> None:
    fenced = {line.number for line in lines(document) if line.fenced}
    for number, command_line in commands(document):
        if number in fenced and "..." not in command_line:
            check_whole(command_line)


def test_options_exist_that_are_named_by_themselves(document: Path) -> None:
    known = set().union(*(all_options(command) for command in COMMANDS.values()))
    named = [code.split()[0] for line in lines(document) for code in INLINE_CODE.findall(line.text) if code[:2] == "--"]
    assert [option for option in named if option not in known] == []


def test_readme_is_read_at_one_go() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_every_document_is_linked_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    documents = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"]
    assert [str(path) for path in documents if f"({path.relative_to(ROOT / 'docs')}" not in index] == []
