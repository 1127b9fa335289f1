# SPDX-License-Identifier: Apache-2.0
"""The index: what is kept of blocks, that it goes on where it stopped, and that hostile documents are left out."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from medquorum.clients.dashboard.index.block import read_block
from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.core.block_header import header_hash
from medquorum.core.documents.document import composite_key
from medquorum.core.documents.verdict import PENDING
from medquorum_testing.chain.memory_chain import MemoryChain
from medquorum_testing.dashboard.played_rounds import play_round, task_of

TASK = task_of(3, 5)


@pytest.fixture
def chain() -> MemoryChain:
    """A chain with the task and a whole round."""
    made = MemoryChain()
    for document in [TASK, *(one for documents in play_round(TASK, 1, "Hospital2MSP") for one in documents)]:
        made.write(document.key, document.encode())
    return made


def follow(index: IndexFile, chain: MemoryChain) -> None:
    for block in chain.blocks[index.position().height :]:
        index.add(read_block(block), header_hash(block.header))


def test_a_round_is_read_from_its_blocks(tmp_path: Path, chain: MemoryChain) -> None:
    index = IndexFile(tmp_path / "index.sqlite")
    follow(index, chain)
    with index.reader() as connection:
        queries = Queries(connection)
        status = queries.status("demo", 1)
        assert queries.tasks() == ["demo"]
        assert queries.task("demo") == TASK
        assert status.round is not None
        assert status.round.state == "closed"
        assert sorted(status.updates) == sorted(status.verdicts) == TASK.hospitals
        assert status.verdicts["Hospital2MSP"].reason == "RULE"
        assert status.conclusion is not None
        (verdict,) = [
            one for one in queries.transactions("demo", 1) if "verdict demo 000001 Hospital2MSP" in one.writes
        ]
        assert verdict.endorsers == ["VerifierAMSP", "VerifierBMSP"]
        assert verdict.author == "Hospital1MSP"
        assert {row["msp"] for row in queries.certificates()} >= {"VerifierAMSP", "VerifierBMSP", "Hospital1MSP"}
        configuration = queries.configuration()
        assert configuration is not None
        assert configuration["consensus"] == "etcdraft"


def test_it_is_for_its_owner_alone_and_goes_on_where_it_stopped(tmp_path: Path, chain: MemoryChain) -> None:
    path = tmp_path / "index.sqlite"
    follow(IndexFile(path), chain)
    assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.glob("index.sqlite*")} == {0o600}
    again = IndexFile(path)
    assert again.position() == (len(chain.blocks), header_hash(chain.blocks[-1].header))
    chain.write(TASK.key, task_of(2, 5).encode())
    follow(again, chain)
    with again.reader() as connection:
        task = Queries(connection).task("demo")
    assert task is not None
    assert len(task.hospitals) == 2


def test_a_block_is_added_as_a_whole_or_not(tmp_path: Path, chain: MemoryChain) -> None:
    index = IndexFile(tmp_path / "index.sqlite")
    follow(index, chain)
    height = index.position().height
    with pytest.raises(sqlite3.IntegrityError):
        index.add(read_block(chain.blocks[3]), b"")
    assert index.position().height == height


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_file_of_another_form_is_made_anew(tmp_path: Path, chain: MemoryChain, content: bytes) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(content)
    index = IndexFile(path)
    assert index.position() == (0, None)
    follow(index, chain)
    assert index.position().height == len(chain.blocks)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        PENDING,
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"docType":"task"}',
        b'{"docType":"verdict","task":"<script>"}',
        task_of(3, 5, "other").encode(),
        b'{"n":1e999}',
    ],
)
def test_what_is_no_document_of_its_key_is_left_out(tmp_path: Path, value: bytes) -> None:
    chain, index = MemoryChain(), IndexFile(tmp_path / "index.sqlite")
    chain.write(TASK.key, TASK.encode())
    chain.write(TASK.key, value)
    follow(index, chain)
    with index.reader() as connection:
        assert Queries(connection).tasks() == []


KEYS = [("chunk", ("ab", 4)), ("task", ()), ("verdict", ("demo", "²", "x")), ("verdict", ("demo", "9" * 30))]


@pytest.mark.parametrize("key", ["plain", "", "\0", *(composite_key(*key) for key in KEYS)])
def test_keys_of_other_kinds_are_not_kept(tmp_path: Path, key: str) -> None:
    chain, index = MemoryChain(), IndexFile(tmp_path / "index.sqlite")
    chain.write(key, b"\x00\x01 bytes of a model")
    follow(index, chain)
    assert b"bytes of a model" not in (tmp_path / "index.sqlite").read_bytes()
    assert index.position().height == 2


def test_a_transaction_that_is_not_valid_writes_nothing(tmp_path: Path) -> None:
    chain, index = MemoryChain(), IndexFile(tmp_path / "index.sqlite")
    raw, identifier = chain.transaction(TASK.key, TASK.encode())
    chain.append(raw, codes=bytes([11]))
    follow(index, chain)
    with index.reader() as connection:
        assert Queries(connection).tasks() == []
        (row,) = Queries(connection).invalid(10)
    assert (row["id"], row["code"]) == (identifier, "MVCC_READ_CONFLICT")
