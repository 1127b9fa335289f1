# SPDX-License-Identifier: Apache-2.0
"""A model is stored by several threads at once, and an upload that was cut off goes on where it ended."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.admin.tasks import store_model
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.report import Report
from medquorum.core import model as modelformat
from medquorum.gateway import CommitStatusError
from medquorum_testing.ledger.consortium_ledger import A, Consortium
from medquorum_testing.ledger.ledger_contract import LedgerContract

CHUNKS = 3
PACKED = np.random.default_rng(5).integers(-99, 99, (CHUNKS - 1) * modelformat.CHUNK_BYTES // 4 + 1).astype("<i4")


@pytest.fixture
def contract(tmp_path: Path) -> Iterator[LedgerContract]:
    consortium = Consortium(tmp_path / "sets")
    consortium.init()
    yield LedgerContract(consortium, A)
    consortium.close()


def upload(contract: LedgerContract, store: str, packed: bytes = PACKED.tobytes(), layout: str = "") -> str:
    demo = contract.consortium
    quiet = Report("test", "", as_json=True, stream=io.StringIO())
    transactions = Transactions(contract, demo.verifiers, demo.quorum, A)
    return store_model(Ledger(contract, A), transactions, layout or demo.layout, packed, store, quiet)


def sent(contract: LedgerContract, store: str) -> list[int]:
    """Return the numbers of the chunks that were put, in order."""
    return [int(call.split()[-2]) for call in contract.submitted if call.endswith(f" {store}")]


def whole(contract: LedgerContract, model: str, packed: bytes = PACKED.tobytes()) -> bool:
    return b"".join(contract.consortium.chunk(A, model, index) for index in range(CHUNKS)) == packed


@pytest.mark.parametrize("store", ["public", "private"])
def test_an_upload_that_was_cut_off_goes_on(contract: LedgerContract, store: str) -> None:
    def cut(call: str) -> None:
        if contract.submitted:
            raise CommitStatusError("the connection is gone", code="UNAVAILABLE")

    contract.before = cut
    with pytest.raises(CommitStatusError, match="connection is gone"):
        upload(contract, store)
    assert sent(contract, store) == [CHUNKS - 1], "the shortest one first"
    contract.before = lambda call: None
    model = upload(contract, store)
    assert sorted(sent(contract, store)) == [0, 1, 2]
    assert whole(contract, model)
    assert upload(contract, store) == model
    assert len(contract.submitted) == CHUNKS


@pytest.mark.parametrize("store", ["public", "private"])
def test_chunks_are_put_at_once_after_the_first(contract: LedgerContract, store: str) -> None:
    """The first one writes the manifest; each of the others waits here until both are under way."""
    both = threading.Barrier(CHUNKS - 1, timeout=10)
    alone = []

    def meet(call: str) -> None:
        if f" {CHUNKS - 1} {store}" in call:
            alone.append(list(contract.submitted))
            return
        assert sent(contract, store)[:1] == [CHUNKS - 1]
        both.wait()

    contract.before = meet
    assert whole(contract, upload(contract, store))
    assert alone == [[]]
    assert sorted(sent(contract, store)) == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["public", "private"])
def test_chunks_that_another_model_has_are_not_sent(contract: LedgerContract, store: str) -> None:
    upload(contract, store)
    contract.submitted.clear()
    head = PACKED.copy()
    head[-1] += 1
    assert whole(contract, upload(contract, store, head.tobytes()), head.tobytes())
    assert sent(contract, store) == [CHUNKS - 1]
    head[0] += 1
    assert whole(contract, upload(contract, store, head.tobytes()), head.tobytes())
    assert sent(contract, store) == [CHUNKS - 1, 0]


def test_of_a_model_of_known_chunks_one_is_sent(contract: LedgerContract) -> None:
    """With it comes the manifest."""
    upload(contract, "private")
    contract.submitted.clear()
    assert whole(contract, upload(contract, "private", layout="1" * 64))
    assert sent(contract, "private") == [CHUNKS - 1]
    upload(contract, "private", layout="1" * 64)
    assert sent(contract, "private") == [CHUNKS - 1]


def test_chunks_that_are_purged_during_an_upload_are_sent(contract: LedgerContract) -> None:
    """The first transaction is endorsed anew after the purge, and takes over less than was there before."""
    upload(contract, "private")
    demo = contract.consortium
    head = PACKED.copy()
    head[-1] += 1

    def purge(call: str) -> None:
        demo.ledger.hashes.clear()
        for organisation in demo.ledger.organisations.values():
            organisation.private.clear()
        contract.before = lambda call: None

    contract.submitted.clear()
    contract.before = purge
    assert whole(contract, upload(contract, "private", head.tobytes()), head.tobytes())
    assert sorted(sent(contract, "private")) == [0, 1, 2]
