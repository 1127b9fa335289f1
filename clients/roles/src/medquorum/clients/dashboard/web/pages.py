# SPDX-License-Identifier: Apache-2.0
"""Pages as HTML. Whatever comes from the ledger is text: it is escaped wherever it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

__all__ = ["Frame", "Pages", "address", "moment", "short"]

SHOWN = 12
"""Characters of a hash that are shown; the whole of it is the element's title."""


class Frame(NamedTuple):
    """What every page says around its content: how current it is, and why no blocks come in (empty while they do)."""

    version: int
    height: int
    trouble: str


class Pages:
    """The templates, with what all pages have in common."""

    def __init__(self, msp: str, channel: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("medquorum.clients.dashboard.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"address": address, "msp": msp, "channel": channel}
        self._environment.filters |= {"short": short, "moment": moment}

    def answer(self, template: str, frame: Frame, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        return HTMLResponse(self._environment.get_template(template).render(frame._asdict() | values), status)


def address(path: str, **query: str | int) -> str:
    """Return a page's address; what it names is quoted."""
    return f"{path}?{urlencode(query)}"


def short(text: str) -> str:
    """Return the beginning of a hash."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def moment(seconds: int) -> str:
    """Return a time in UTC, as its author stated it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
