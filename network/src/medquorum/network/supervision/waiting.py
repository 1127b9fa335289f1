# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, with an end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tenacity

from medquorum.errors import StartTimeout

__all__ = ["await_true", "becomes_true", "last_lines"]

POLL = 0.03  # seconds


def becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, at most so many seconds; return whether it does."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda held: not held),
        wait=tenacity.wait_fixed(POLL),
        stop=tenacity.stop_after_delay(seconds),
        retry_error_callback=lambda state: False,
    )
    return bool(retrying(condition))


def await_true(condition: Callable[[], bool], seconds: float, what: str, log: Path | None = None) -> None:
    """Wait until a condition holds; ``log`` is the file that should say why it does not.

    Raises
    ------
    StartTimeout
        When it does not within so many seconds.
    """
    if not becomes_true(condition, seconds):
        remedy = f"See {log}: {last_lines(log)}" if log else "`medquorum-network logs` says why"
        raise StartTimeout(f"{what} after {seconds:.0f} s", remedy)


def last_lines(path: Path, count: int = 5) -> str:
    """Return the last lines of a log, joined by `` | ``."""
    if not path.exists():
        return "no log"
    return " | ".join(path.read_text(errors="replace").splitlines()[-count:])
