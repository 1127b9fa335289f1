# SPDX-License-Identifier: Apache-2.0
"""Runs the parsers on bent inputs: ``scripts/fuzz [--minutes N | --inputs N] [--seed S] [TARGET ...]``."""

from __future__ import annotations

import resource
import secrets
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from medquorum_testing.fuzzing.runner import fuzz, load, names

MEMORY = 8 << 30
"""Bytes that no input may make a command's process reach."""


def main(
    targets: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(names())}  [default: all]")] = None,
    minutes: Annotated[float, typer.Option(help="For all targets together")] = 60,
    inputs: Annotated[
        int | None, typer.Option(help="So many for all targets together, whatever time they take")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="As an earlier run printed it  [default: a new one]")] = None,
    only: Annotated[int | None, typer.Option(help="Only the input of that number")] = None,
    kept: Annotated[Path | None, typer.Option("--input", help="Only the input in that file")] = None,
) -> None:
    """Run parsers on bent inputs; every one that raises a foreign exception is printed, with how to see it again."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    chosen = targets or names()
    seed = secrets.randbits(32) if seed is None else seed
    each = None if inputs is None else -(-inputs // len(chosen))
    print(f"seed {seed}, {f'{minutes / len(chosen):.2f} minutes' if each is None else f'{each} inputs'} each")
    failed, received = False, Counter[str]()
    for name in chosen:
        target, seconds = load(name), 60 * minutes / len(chosen)
        if kept is not None:
            target, only = replace(target, seeds=[kept.read_bytes()]), 0
        most = each if only is None else None
        count, found = fuzz(target, 0 if only is not None else seconds, seed, only or 0, inputs=most, received=received)
        print(f"{name:24} {count - (only or 0):>10} inputs  {'FAILED' if found else 'nothing foreign'}", flush=True)
        if found:
            failed = True
            print(found.keep(), flush=True)
    print(
        f"{received.total()} inputs went to: {', '.join(f'{who} {count}' for who, count in sorted(received.items()))}"
    )
    raise typer.Exit(int(failed))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    app(prog_name="scripts/fuzz")
