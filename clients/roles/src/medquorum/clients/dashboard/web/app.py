# SPDX-License-Identifier: Apache-2.0
"""The web application: an address for each page, one for the events, one to verify a verdict or a round."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.clients.dashboard.verification import Check, Subject
from medquorum.clients.dashboard.views.hospital import hospital_page
from medquorum.clients.dashboard.views.lineage import lineage
from medquorum.clients.dashboard.views.network import network_page
from medquorum.clients.dashboard.views.overview import overview
from medquorum.clients.dashboard.views.round import round_page
from medquorum.clients.dashboard.web.live import Live
from medquorum.clients.dashboard.web.pages import Frame, Pages, address
from medquorum.core.documents.fields import MAX_ROUND
from medquorum.errors import CheckFailed

__all__ = ["Sources", "application"]

STATIC = Path(__file__).with_name("static")


class Checker(Protocol):
    """What checks verdicts and rounds: ``Verification``."""

    def last(self, subject: Subject) -> Check | None:
        """Return a subject's last check."""
        ...

    def start(self, subject: Subject) -> bool:
        """Start a check; return False where another one runs."""
        ...


@dataclass(frozen=True)
class Sources:
    """Where the pages come from.

    Attributes
    ----------
    trouble
        Says why no blocks come in; empty while they do.
    heights
        Says how many blocks each organisation's peer has, as far as is known.
    """

    index: IndexFile
    trouble: Callable[[], str]
    heights: Callable[[Sequence[str]], Mapping[str, int | None]]
    verification: Checker
    live: Live
    msp: str
    channel: str


def application(sources: Sources) -> Starlette:
    """Return the application, which lets everybody in: ``Access`` goes around it."""
    handlers = _Handlers(sources)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sources.live.begin()
        yield

    return Starlette(
        routes=[
            Route("/", handlers.overview),
            Route("/round", handlers.round),
            Route("/lineage", handlers.lineage),
            Route("/hospital", handlers.hospital),
            Route("/network", handlers.network),
            Route("/evidence", handlers.evidence, methods=["GET"]),
            Route("/verify", handlers.verify, methods=["POST"]),
            Route("/events", handlers.events),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        lifespan=lifespan,
        exception_handlers={CheckFailed: handlers.unreadable},
    )


class _Handlers:
    """Answers; what reads the index is a plain function, which Starlette runs in a thread."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._pages = Pages(sources.msp, sources.channel)

    def overview(self, request: Request) -> Response:
        """Show a task, by default the latest one."""
        with self._reading() as (queries, frame):
            tasks = queries.tasks()
            chosen = request.query_params.get("task") or (tasks[0] if tasks else "")
            shown = overview(queries, chosen) if chosen else None
        if shown is None and "task" in request.query_params:
            return self._missing(frame, "task", chosen)
        return self._pages.answer("overview.html", frame, task=chosen, tasks=tasks, shown=shown)

    def round(self, request: Request) -> Response:
        """Show one round."""
        task, number = _named(request)
        with self._reading() as (queries, frame):
            shown = round_page(queries, task, number)
            last = self._sources.verification.last
            check = last(Subject(task, number))
            judged = [] if shown is None else [row.hospital for row in shown.hospitals]
            checks = {hospital: last(Subject(task, number, hospital)) for hospital in judged}
        if shown is None:
            return self._missing(frame, "round", f"{number} of {task}")
        return self._pages.answer("round.html", frame, task=task, shown=shown, check=check, checks=checks)

    def lineage(self, request: Request) -> Response:
        """Show where a task's model comes from."""
        task, _ = _named(request)
        with self._reading() as (queries, frame):
            shown = lineage(queries, task)
        if shown is None:
            return self._missing(frame, "task", task)
        return self._pages.answer("lineage.html", frame, task=task, shown=shown)

    def hospital(self, request: Request) -> Response:
        """Show a hospital's history in a task."""
        task, _ = _named(request)
        hospital = request.query_params.get("hospital", "")
        with self._reading() as (queries, frame):
            shown = hospital_page(queries, task, hospital)
        if shown is None:
            return self._missing(frame, "hospital", f"{hospital} in {task}")
        return self._pages.answer("hospital.html", frame, task=task, shown=shown)

    def network(self, request: Request) -> Response:
        """Show the channel."""
        with self._reading() as (queries, frame):
            shown = network_page(queries, time.time())
        heights = self._sources.heights(shown.members)
        return self._pages.answer("network.html", frame, shown=shown, heights=heights)

    def evidence(self, request: Request) -> Response:
        """Show what the last check of a verdict or round has found."""
        subject = _subject(request)
        busy = "busy" in request.query_params
        frame = self._frame()
        check = self._sources.verification.last(subject)
        return self._pages.answer("evidence.html", frame, subject=subject, check=check, busy=busy)

    def verify(self, request: Request) -> Response:
        """Start a check and show how it goes."""
        subject = _subject(request)
        started = self._sources.verification.start(subject)
        self._sources.live.changed()
        busy = {} if started else {"busy": 1}
        return RedirectResponse(address("/evidence", **subject.query, **busy), 303)

    async def events(self, request: Request) -> Response:
        """Tell of changes as long as the page is open."""
        live = self._sources.live
        if live.full:
            return PlainTextResponse("Too many pages are open.\n", 503)
        return StreamingResponse(live.events(), media_type="text/event-stream")

    async def unreadable(self, request: Request, error: Exception) -> Response:
        """Say which document is of another release."""
        values = {"title": "A document cannot be read", "text": str(error)}
        return self._pages.answer("message.html", self._frame(), 500, **values)

    def _missing(self, frame: Frame, what: str, name: str) -> Response:
        values = {"title": f"No such {what}", "text": f"The index has no {what} {name}."}
        return self._pages.answer("message.html", frame, 404, **values)

    @contextmanager
    def _reading(self) -> Iterator[tuple[Queries, Frame]]:
        """Read one state of the index; its frame is no newer, so that no change after it is missed."""
        frame = self._frame()
        with self._sources.index.reader() as connection:
            yield Queries(connection), frame

    def _frame(self) -> Frame:
        sources = self._sources
        version = sources.live.version
        return Frame(version, sources.index.position().height, sources.trouble())


def _subject(request: Request) -> Subject:
    """Return the verdict that an address names, or the round where it names no hospital."""
    return Subject(*_named(request), request.query_params.get("hospital") or None)


def _named(request: Request) -> tuple[str, int]:
    """Return the task and round that an address names; round 0, which no task has, where it names none."""
    text = request.query_params.get("round", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ROUND)) else 0
    return request.query_params.get("task", ""), number
