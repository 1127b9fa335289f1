# SPDX-License-Identifier: Apache-2.0
"""The process: a thread that follows the blocks, and the server of the pages."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import uvicorn

from medquorum.clients.auditor.api import AuditorConnection
from medquorum.clients.dashboard.heights import Heights
from medquorum.clients.dashboard.index.follower import Follower
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.clients.dashboard.verification import Verification
from medquorum.clients.dashboard.web.access import Access, Keys
from medquorum.clients.dashboard.web.app import Sources, application
from medquorum.clients.dashboard.web.listening import Listening
from medquorum.clients.dashboard.web.live import Live
from medquorum.clients.proof.basis import Proof
from medquorum.clients.runtime.session import Session

__all__ = ["serve"]

FAREWELL = 1
"""Seconds an open page may hold the end up: its events have no end of their own."""


def serve(session: Session, proof: Proof, listening: Listening) -> None:
    """Serve the pages until the process is told to end; each link to them is reported as ``dashboard``."""
    index = IndexFile(session.state / "index.sqlite")

    def state() -> dict[str, Any]:
        return {"height": index.position().height, "trouble": follower.trouble}

    def tell(token: str) -> None:
        session.report.event("dashboard", link=f"{listening.address}?token={token}")

    live = Live(state)
    follower = Follower(session, index, live.changed)
    verification = Verification(AuditorConnection(session), proof, live.changed)
    heights = Heights(session.network, live.changed)
    sources = Sources(index, lambda: follower.trouble, heights.known, verification, live, session.msp, session.channel)
    keys = Keys(tell)
    cookie = f"medquorum-{listening.port}"
    guarded = Access(application(sources), keys, listening.hosts, listening.scheme, cookie)
    with closing(index), follower.following():
        tell(keys.token)
        _server(guarded, listening).run(sockets=[listening.socket])


def _server(app: Access, listening: Listening) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=FAREWELL,
            ssl_certfile=listening.certificate,
            ssl_keyfile=listening.key,
        )
    )
