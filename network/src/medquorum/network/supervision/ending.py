# SPDX-License-Identifier: Apache-2.0
"""Why a process ended, and what to do: by its exit code, its log, and what the system counted."""

from __future__ import annotations

import re
import signal
from pathlib import Path

__all__ = ["memory_kills", "why_ended"]

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
LAST_BYTES = 100_000
_FULL = re.compile(r"No space left on device|ENOSPC|disk is full|Disk quota exceeded")
_WRONG = re.compile(r"(?=.*\s).*(error|panic|fatal|failed|exception)", re.IGNORECASE)
_BOX = " │╭╮╰╯─"
"""What rich draws around an error, with the word "Error" alone as its title."""


def why_ended(code: int, log: Path, kills_before: int | None = None, since: int = 0) -> tuple[str, str]:
    """Return the cause and the remedy of a process' end.

    Parameters
    ----------
    code
        Its exit code; negative is the signal that ended it.
    log
        What it wrote; need not be there.
    kills_before
        `memory_kills` when it was started. Memory is named only where the system has counted another one since.
    since
        Bytes the log had when it was started: what an earlier process wrote is not looked at.
    """
    lines = _last_lines(log, since)
    if any(_FULL.search(line) for line in lines[-50:]):
        return "the disk is full", "Make space, then run the same again: what is on the ledger stays"
    now = memory_kills()
    if code == -signal.SIGKILL and now is not None and kills_before is not None and now > kills_before:
        return "the system killed it for memory", "Give it more memory, or take fewer hospitals or a smaller model"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return (
            f"killed by {name}, which did not come from here",
            "Look who sent it (journalctl, dmesg), and run it again",
        )
    message = next(
        (line for line in reversed(lines) if _WRONG.search(line)), lines[-1] if lines else "it wrote nothing"
    )
    return f"exit code {code}: {message[:500]}", f"See {log}"


def memory_kills() -> int | None:
    """Return how many processes of this control group the system has killed for memory; None where it does not say."""
    try:
        groups = [line.split(":", 2) for line in MEMBERSHIP.read_text().splitlines()]
        unified = [CGROUPS / path.lstrip("/") / "memory.events" for _, controllers, path in groups if not controllers]
        first = [
            CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control"
            for _, controllers, path in groups
            if "memory" in controllers.split(",")
        ]
        events = next(place for place in (*first, *unified) if place.exists()).read_text()
    except (OSError, ValueError, StopIteration):
        return None
    match = re.search(r"^oom_kill (\d+)$", events, re.MULTILINE)
    return int(match[1]) if match else None


def _last_lines(log: Path, since: int) -> list[str]:
    """Return the log's last lines that are not empty; all of a log that was begun anew."""
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            file.seek(max(since if since <= size else 0, size - LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    stripped = (line.strip().strip(_BOX) for line in text.splitlines())
    return [line for line in stripped if line]
