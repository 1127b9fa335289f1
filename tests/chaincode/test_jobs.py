# SPDX-License-Identifier: Apache-2.0
"""Computations beside the transactions: resumable, bounded, and honest about what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from medquorum.chaincode.jobs import Memo, Need, Progress, Steps, Workshop
from medquorum.errors import ContractError, DataError

TIMEOUT = 20.0


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop(jobs=2, waiting=1)
    yield made
    made.close()


def total(names: list[str]) -> Steps[int]:
    found = 0
    for name in names:
        found += len((yield Need("update", name)))
    return found


def starting(*names: str) -> Callable[[], tuple[Steps[int], int]]:
    return lambda: (total(list(names)), len(names))


def supply(need: Need) -> bytes:
    return need.name.encode()


def test_result_is_remembered(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)
    assert workshop.advance(memo, "key", starting("a", "bb"), supply, TIMEOUT) == 3
    assert memo.get("key") == 3

    def never() -> tuple[Steps[int], int]:
        raise AssertionError("computed twice")

    assert workshop.advance(memo, "key", never, supply, TIMEOUT) == 3


def test_impatient_caller_hears_of_progress_and_comes_back(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)
    gate = threading.Event()

    def slow() -> Steps[int]:
        data = yield Need("update", "abc")
        gate.wait(TIMEOUT)
        return len(data)

    def start() -> tuple[Steps[int], int]:
        return slow(), 1

    answer = workshop.advance(memo, "key", start, supply, 0.05)
    while isinstance(answer, Progress) and answer.done == 0 and not gate.is_set():
        assert answer.total == 1
        gate.set()
        answer = workshop.advance(memo, "key", start, supply, TIMEOUT)
    assert answer == 3


def test_missing_data_leaves_the_computation_where_it_was(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)
    supplied: list[str] = []

    def failing(need: Need) -> bytes:
        if need.name == "bb" and supplied.count("bb") == 0:
            supplied.append("bb")
            raise ContractError("DATA_MISSING", "not yet")
        supplied.append(need.name)
        return supply(need)

    with pytest.raises(ContractError, match="DATA_MISSING"):
        workshop.advance(memo, "key", starting("a", "bb"), failing, TIMEOUT)
    assert workshop.advance(memo, "key", starting("a", "bb"), failing, TIMEOUT) == 3
    assert supplied == ["a", "bb", "bb"]


def test_error_of_the_computation_reaches_the_caller_and_does_not_stick(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)

    def broken() -> Steps[int]:
        yield Need("update", "a")
        raise DataError("the set is corrupt")

    for _ in range(2):
        with pytest.raises(DataError, match="corrupt"):
            workshop.advance(memo, "key", lambda: (broken(), 1), supply, TIMEOUT)
    assert workshop.advance(memo, "key", starting("a"), supply, TIMEOUT) == 1


def test_busy(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)

    def missing(_: Need) -> bytes:
        raise ContractError("DATA_MISSING", "not yet")

    for key in ("one", "two"):
        with pytest.raises(ContractError, match="DATA_MISSING"):
            workshop.advance(memo, key, starting("a"), missing, TIMEOUT)
    with pytest.raises(ContractError, match="BUSY: 2 evaluations are under way"):
        workshop.advance(memo, "three", starting("a"), supply, TIMEOUT)
    assert workshop.advance(memo, "one", starting("a"), supply, TIMEOUT) == 1
    assert workshop.advance(memo, "three", starting("a"), supply, TIMEOUT) == 1


def test_many_callers_share_one_computation(workshop: Workshop) -> None:
    memo: Memo[int] = Memo(4)
    names = [str(i) for i in range(20)]
    read: list[str] = []
    answers: list[object] = []

    def counting(need: Need) -> bytes:
        read.append(need.name)
        return supply(need)

    def call() -> None:
        answers.append(workshop.advance(memo, "key", starting(*names), counting, TIMEOUT))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert answers == [30] * 8
    assert read == names


def test_few_bytes_wait_for_the_thread() -> None:
    """While the thread is busy, further computations do not read their bytes."""
    workshop = Workshop(jobs=16, waiting=2)
    memo: Memo[int] = Memo(16)
    gate = threading.Event()
    read: list[str] = []

    def slow() -> Steps[int]:
        data = yield Need("update", "abc")
        gate.wait(TIMEOUT)
        return len(data)

    def counting(need: Need) -> bytes:
        read.append(need.name)
        return supply(need)

    for key in range(6):
        answer = workshop.advance(memo, key, lambda: (slow(), 1), counting, 0.02)
        assert isinstance(answer, Progress)
    assert len(read) <= 2
    gate.set()
    results = [workshop.advance(memo, key, lambda: (slow(), 1), counting, TIMEOUT) for key in range(6)]
    workshop.close()
    assert results == [3] * 6


def test_memo_forgets_the_least_used() -> None:
    memo: Memo[int] = Memo(2)
    for key in "ab":
        memo.put(key, 1)
    memo.get("a")
    memo.put("c", 1)
    assert [memo.get(key) for key in "abc"] == [1, None, 1]
