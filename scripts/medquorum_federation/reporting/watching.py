# SPDX-License-Identifier: Apache-2.0
"""The dashboard of a run: its link is told, and opened where there is a screen."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from typing import Any

from rich.console import Console

__all__ = ["with_links"]

Show = Callable[[str, dict[str, Any]], None]


def with_links(show: Show, console: Console) -> Show:
    """Return what shows a role's lines, and the dashboard's links: the first one is opened, the next are for others."""
    told: list[str] = []

    def shown(role: str, content: dict[str, Any]) -> None:
        if content["event"] != "dashboard":
            show(role, content)
            return
        told.append(content["link"])
        console.print(
            f"Dashboard{', for another browser' if told[1:] else ', until the run ends'}: {told[-1]}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        # Without a screen a browser for the terminal would take this one.
        if not told[1:] and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(told[-1])

    return shown
