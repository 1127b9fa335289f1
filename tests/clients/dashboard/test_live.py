# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: the state at once, again after each change, and a limit to the pages kept current."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from medquorum.clients.dashboard.web import live as module
from medquorum.clients.dashboard.web.live import STREAMS, Live


def told(line: bytes) -> dict[str, Any]:
    data = next(part for part in line.decode().splitlines() if part.startswith("data: "))
    return dict(json.loads(data.removeprefix("data: ")))


def test_the_state_is_told_at_once_and_after_changes_from_any_thread() -> None:
    async def scene() -> None:
        live = Live(lambda: {"height": 7})
        live.begin()
        events = live.events()
        assert (await anext(events)).startswith(b"retry:")
        assert told(await anext(events)) == {"height": 7, "version": 0}
        following = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(live.changed)
        assert told(await asyncio.wait_for(following, 10)) == {"height": 7, "version": 1}
        live.changed()  # while nobody waits
        live.changed()
        assert told(await asyncio.wait_for(anext(events), 10))["version"] == 3
        await events.aclose()

    asyncio.run(scene())


def test_a_quiet_stream_shows_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET", 0.01)

    async def scene() -> None:
        live = Live(dict)
        live.begin()
        events = live.events()
        lines = [await anext(events) for _ in range(4)]
        assert lines[2].startswith(b":")
        await events.aclose()

    asyncio.run(scene())


def test_so_many_streams_are_kept_and_each_that_ends_makes_room() -> None:
    async def scene() -> None:
        live = Live(dict)
        live.begin()
        streams = [live.events() for _ in range(STREAMS)]
        for stream in streams:
            assert not live.full
            await anext(stream)
        assert live.full
        await streams[0].aclose()
        assert not live.full
        for stream in streams[1:]:
            await stream.aclose()

    asyncio.run(scene())


def test_a_change_after_the_end_is_nobody_s_fault() -> None:
    live = Live(dict)

    async def scene() -> None:
        live.begin()

    asyncio.run(scene())
    thread = threading.Thread(target=live.changed)
    thread.start()
    thread.join()
    assert live.version == 1
