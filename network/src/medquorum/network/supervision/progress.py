# SPDX-License-Identifier: Apache-2.0
"""Progress of long work on standard error: what is being done, and its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

__all__ = ["Progress"]


@dataclass
class Progress:
    """Prints one line per step and keeps the seconds of each; ``quiet`` only keeps them."""

    quiet: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step; nothing is printed for one that fails (the error will be)."""
        begun = time.monotonic()
        if self.quiet:
            yield
        else:
            with self.console.status(what):
                yield
        self.seconds[what] = time.monotonic() - begun
        if not self.quiet:
            self.console.print(f"[green]✓[/] {what} [dim]{self.seconds[what]:.1f} s[/]")

    def warn(self, what: str) -> None:
        """Print a warning."""
        self.console.print(f"[yellow]![/] {what}")
