# SPDX-License-Identifier: Apache-2.0
"""Following the blocks: a peer that goes away is waited for, a chain that is another one is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.dashboard.index import follower as following
from medquorum.clients.dashboard.index.follower import Follower
from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.gateway import GatewayError
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.chain.memory_chain import MemoryChain
from medquorum_testing.dashboard.played_rounds import task_of

TASK = task_of(3, 5)


class Stream:
    """A peer's blocks; when they are all told the peer is gone."""

    def __init__(self, blocks: list[Any]) -> None:
        self._blocks = iter(blocks)

    def __iter__(self) -> Iterator[Any]:
        yield from self._blocks
        raise GatewayError("the peer is away")

    def close(self) -> None:
        self._blocks = iter(())


class Session:
    """A session whose network is a chain in memory."""

    genesis = "of no matter"

    def __init__(self, chain: MemoryChain) -> None:
        self.chain = chain
        self.asked: list[int] = []
        self.network = self

    @contextmanager
    def block_events(self, *, start_block: int) -> Iterator[Stream]:
        self.asked.append(start_block)
        yield Stream(self.chain.blocks[start_block:])


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY", 0.01)


@pytest.fixture
def chain() -> MemoryChain:
    made = MemoryChain()
    made.write(TASK.key, TASK.encode())
    return made


def follow(session: Any, index: IndexFile) -> Follower:
    return Follower(session, index, lambda: None)


def test_blocks_are_taken_over_lost_connections_each_once(tmp_path: Path, chain: MemoryChain) -> None:
    session, index = Session(chain), IndexFile(tmp_path / "index.sqlite")
    follower = follow(session, index)
    with follower.following():
        await_true(lambda: index.position().height == 2, 10, "two blocks")
        chain.write(TASK.key, task_of(2, 5).encode())
        await_true(lambda: index.position().height == 3, 10, "a third one")
        await_true(lambda: "the peer is away" in follower.trouble, 10, "it does not say that the peer is away")
        # The last known block again, not the whole chain.
        await_true(lambda: session.asked[-1] == 2, 10, "it does not go on at the last block")
    with index.reader() as connection:
        task = Queries(connection).task("demo")
    assert task is not None
    assert len(task.hospitals) == 2
    assert session.asked[0] == 0


def test_another_chain_is_not_taken(tmp_path: Path, chain: MemoryChain) -> None:
    index = IndexFile(tmp_path / "index.sqlite")
    with follow(Session(chain), index).following():
        await_true(lambda: index.position().height == 2, 10, "two blocks")
    other = MemoryChain()
    other.write(TASK.key, task_of(1, 5).encode())
    other.write(TASK.key, task_of(2, 5).encode())
    follower = follow(Session(other), index)
    with follower.following():
        await_true(lambda: "another one than the index has" in follower.trouble, 10, "it does not say so")
    assert index.position().height == 2


def test_a_block_that_does_not_follow_is_not_taken(tmp_path: Path, chain: MemoryChain) -> None:
    chain.write(TASK.key, task_of(2, 5).encode())
    chain.blocks[2].header.previous_hash = b"x" * 32
    index = IndexFile(tmp_path / "index.sqlite")
    follower = follow(Session(chain), index)
    with follower.following():
        await_true(lambda: "does not follow" in follower.trouble, 10, "it does not say so")
    assert index.position().height == 2


def test_a_fault_of_ours_is_said_and_does_not_end_the_following(
    tmp_path: Path, chain: MemoryChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = IndexFile(tmp_path / "index.sqlite")
    read = following.read_block

    def broken(block: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(following, "read_block", broken)
    follower = follow(Session(chain), index)
    with follower.following():
        await_true(lambda: "the index has failed: RuntimeError" in follower.trouble, 10, "it does not say so")
        monkeypatch.setattr(following, "read_block", read)
        await_true(lambda: index.position().height == 2, 10, "it does not go on")
