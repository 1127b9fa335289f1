# SPDX-License-Identifier: Apache-2.0
"""The dashboard over an index that a test fills itself: as an application, and served to a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.clients.dashboard.verification import Check, Subject
from medquorum.clients.dashboard.web.access import Access, Keys
from medquorum.clients.dashboard.web.app import Sources, application
from medquorum.clients.dashboard.web.listening import Listening
from medquorum.clients.dashboard.web.live import Live
from medquorum.network.supervision.waiting import await_true

__all__ = ["Checks", "Dashboard"]


@dataclass
class Checks:
    """What a test says that the checks find; it counts those that were asked for."""

    answers: dict[Subject, Check] = field(default_factory=dict)
    asked: list[Subject] = field(default_factory=list)
    busy: bool = False

    def last(self, subject: Subject) -> Check | None:
        return self.answers.get(subject)

    def start(self, subject: Subject) -> bool:
        self.asked.append(subject)
        return not self.busy


class Dashboard:
    """An index and the pages over it; ``trouble`` and ``heights`` are what the peer says."""

    def __init__(self, folder: Path) -> None:
        self.trouble = ""
        self.heights: dict[str, int | None] = {}
        self.index = IndexFile(folder / "index.sqlite")
        self.checks = Checks()
        self.live = Live(lambda: {"height": self.index.position().height, "trouble": self.trouble})
        self.keys = Keys()
        self.sources = Sources(
            self.index,
            lambda: self.trouble,
            lambda members: self.heights,
            self.checks,
            self.live,
            "Hospital1MSP",
            "mychannel",
        )

    def application(self, hosts: frozenset[str] = frozenset({"127.0.0.1:8765"})) -> Access:
        """Return the pages behind their lock."""
        return Access(application(self.sources), self.keys, hosts, "http", "session")

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the pages on a free port of this machine as long as the context lasts; yield the address."""
        with Listening.checked("127.0.0.1", 0, None, None) as listening:
            server = uvicorn.Server(
                uvicorn.Config(
                    self.application(listening.hosts), log_config=None, access_log=False, timeout_graceful_shutdown=1
                )
            )
            thread = threading.Thread(target=server.run, args=([listening.socket],), daemon=True)
            thread.start()
            await_true(lambda: server.started, 10, "the server has not started")
            try:
                yield listening.address
            finally:
                server.should_exit = True
                thread.join(10)
