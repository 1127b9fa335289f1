# SPDX-License-Identifier: Apache-2.0
"""How a command line of this folder ends: errors without a traceback, and nothing left running on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from medquorum.core.startup import prepare_process
from medquorum.errors import ConfigError, MedquorumError

__all__ = ["run_command", "run_main", "seed_list"]


class _Interrupted(MedquorumError):
    """Ctrl-C or SIGTERM."""

    exit_code = 130


def run_command(app: Callable[..., object], name: str = "") -> None:
    """Run ``app``; SIGTERM ends it as Ctrl-C does. Exit codes are those of ``medquorum.errors``, 130 if interrupted.

    Parameters
    ----------
    name
        What was typed to run a typer program; empty for any other.
    """
    prepare_process()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs begin with SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        app(prog_name=name) if name else app()
    except MedquorumError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(error.exit_code)


def run_main(main: Callable[..., None]) -> None:
    """Run a program of one command as `run_command` does."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    run_command(app, f"scripts/bench {Path(sys.argv[0]).stem}")


def seed_list(text: str) -> list[int]:
    """Read seeds as ``--seeds`` has them: ``0,1,2``."""
    if not all(part.isdecimal() for part in text.split(",")):
        raise ConfigError(f"--seeds {text} is not a list of numbers", "Write it as 0,1,2")
    return [int(part) for part in text.split(",")]


def _interrupt(_number: int, _frame: object) -> None:
    raise _Interrupted("interrupted", "Everything that was started has been ended")
