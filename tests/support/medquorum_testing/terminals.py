# SPDX-License-Identifier: Apache-2.0
"""A terminal of a given width that keeps what is written to it."""

from __future__ import annotations

import io

import pytest

__all__ = ["ERASE", "terminal"]

ERASE = "\x1b[2K"
"""Clears the line the cursor is in."""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> io.StringIO:
    """Return a terminal, whatever the tests themselves run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    return _Terminal()
