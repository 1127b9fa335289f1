# SPDX-License-Identifier: Apache-2.0
"""Computations beside the transactions: resumable, bounded, and honest about what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator

import pytest

from medquorum.chaincode.jobs import DataRequest, JobRunner, LruCache, Progress, Steps
from medquorum.errors import ContractError, DataError

TIMEOUT = 20.0


@pytest.fixture
def runner() -> Iterator[JobRunner]:
    made = JobRunner(jobs=2, threads=1, waiting=1)
    yield made
    made.close()


def total(names: list[str]) -> Steps[int]:
    found = 0
    for name in names:
        found += len((yield DataRequest("update", name)))
    return found


def starting(*names: str) -> Callable[[], tuple[Steps[int], int]]:
    return lambda: (total(list(names)), len(names))


def load(request: DataRequest) -> bytes:
    return request.name.encode()


def test_result_is_remembered(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)
    assert runner.advance(cache, "key", starting("a", "bb"), load, TIMEOUT) == 3
    assert cache.get("key") == 3

    def never() -> tuple[Steps[int], int]:
        raise AssertionError("computed twice")

    assert runner.advance(cache, "key", never, load, TIMEOUT) == 3


def test_impatient_caller_hears_of_progress_and_comes_back(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)
    gate = threading.Event()

    def slow() -> Steps[int]:
        data = yield DataRequest("update", "abc")
        gate.wait(TIMEOUT)
        return len(data)

    def start() -> tuple[Steps[int], int]:
        return slow(), 1

    answer = runner.advance(cache, "key", start, load, 0.05)
    while isinstance(answer, Progress) and answer.done == 0 and not gate.is_set():
        assert answer.total == 1
        gate.set()
        answer = runner.advance(cache, "key", start, load, TIMEOUT)
    assert answer == 3


def test_a_transaction_does_not_wait_for_a_long_step(runner: JobRunner) -> None:
    """No block is committed at a peer while a transaction runs."""
    cache: LruCache[int] = LruCache(4)
    gate = threading.Event()

    def slow() -> Steps[int]:
        data = yield DataRequest("update", "abc")
        gate.wait(TIMEOUT)
        return len(data)

    start = time.monotonic()
    answers = [runner.advance(cache, "key", lambda: (slow(), 1), load) for _ in range(3)]
    waited = time.monotonic() - start
    gate.set()
    assert all(isinstance(answer, Progress) for answer in answers)
    assert waited < 1.5


def test_missing_data_leaves_the_computation_where_it_was(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)
    supplied: list[str] = []

    def failing(request: DataRequest) -> bytes:
        if request.name == "bb" and supplied.count("bb") == 0:
            supplied.append("bb")
            raise ContractError("DATA_MISSING", "not yet")
        supplied.append(request.name)
        return load(request)

    with pytest.raises(ContractError, match="DATA_MISSING"):
        runner.advance(cache, "key", starting("a", "bb"), failing, TIMEOUT)
    assert runner.advance(cache, "key", starting("a", "bb"), failing, TIMEOUT) == 3
    assert supplied == ["a", "bb", "bb"]


def test_error_of_the_computation_reaches_the_caller_and_does_not_stick(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)

    def broken() -> Steps[int]:
        yield DataRequest("update", "a")
        raise DataError("the set is corrupt")

    for _ in range(2):
        with pytest.raises(DataError, match="corrupt"):
            runner.advance(cache, "key", lambda: (broken(), 1), load, TIMEOUT)
    assert runner.advance(cache, "key", starting("a"), load, TIMEOUT) == 1


def test_an_error_while_nobody_waits_is_raised_where_it_is_asked_for_next(runner: JobRunner) -> None:
    """No transaction waits for a long step: its error would be lost, and the step made again for ever."""
    cache: LruCache[int] = LruCache(4)
    gate = threading.Event()
    started: list[int] = []

    def broken() -> Steps[int]:
        yield DataRequest("update", "a")
        gate.wait(TIMEOUT)
        raise DataError("the set is corrupt")

    def start() -> tuple[Steps[int], int]:
        started.append(1)
        return broken(), 1

    assert isinstance(runner.advance(cache, "key", start, load, 0.02), Progress)
    gate.set()
    assert runner.advance(cache, "other", starting("a"), load, TIMEOUT) == 1  # the thread has done what was before it
    with pytest.raises(DataError, match="corrupt"):
        runner.advance(cache, "key", start, load, TIMEOUT)
    assert len(started) == 1
    assert runner.advance(cache, "key", starting("a"), load, TIMEOUT) == 1


def test_busy(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)

    def missing(_: DataRequest) -> bytes:
        raise ContractError("DATA_MISSING", "not yet")

    for key in ("one", "two"):
        with pytest.raises(ContractError, match="DATA_MISSING"):
            runner.advance(cache, key, starting("a"), missing, TIMEOUT)
    with pytest.raises(ContractError, match="BUSY: 2 evaluations are under way"):
        runner.advance(cache, "three", starting("a"), load, TIMEOUT)
    assert runner.advance(cache, "one", starting("a"), load, TIMEOUT) == 1
    assert runner.advance(cache, "three", starting("a"), load, TIMEOUT) == 1


def test_many_callers_share_one_computation(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)
    names = [str(i) for i in range(20)]
    read: list[str] = []
    answers: list[object] = []

    def counting(request: DataRequest) -> bytes:
        read.append(request.name)
        return load(request)

    def call() -> None:
        answers.append(runner.advance(cache, "key", starting(*names), counting, TIMEOUT))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert answers == [30] * 8
    assert read == names


def test_few_bytes_wait_for_the_thread() -> None:
    """While the thread is busy, further computations do not read their bytes."""
    runner = JobRunner(jobs=16, threads=1, waiting=2)
    cache: LruCache[int] = LruCache(16)
    gate = threading.Event()
    read: list[str] = []

    def slow() -> Steps[int]:
        data = yield DataRequest("update", "abc")
        gate.wait(TIMEOUT)
        return len(data)

    def counting(request: DataRequest) -> bytes:
        read.append(request.name)
        return load(request)

    for key in range(6):
        answer = runner.advance(cache, key, lambda: (slow(), 1), counting, 0.02)
        assert isinstance(answer, Progress)
    assert len(read) <= 2
    gate.set()
    results = [runner.advance(cache, key, lambda: (slow(), 1), counting, TIMEOUT) for key in range(6)]
    runner.close()
    assert results == [3] * 6


def test_updates_are_evaluated_at_the_same_time() -> None:
    """One that lasts does not hold up the next, where there is a thread for it."""
    runner = JobRunner(threads=2)
    cache: LruCache[int] = LruCache(4)
    both = threading.Barrier(2)

    def meeting() -> Steps[int]:
        data = yield DataRequest("update", "abc")
        both.wait(TIMEOUT)
        return len(data)

    for key in "ab":
        runner.advance(cache, key, lambda: (meeting(), 1), load, 0.02)
    results = [runner.advance(cache, key, lambda: (meeting(), 1), load, TIMEOUT) for key in "ab"]
    runner.close()
    assert results == [3, 3]


def test_memo_forgets_the_least_used() -> None:
    cache: LruCache[int] = LruCache(2)
    for key in "ab":
        cache.put(key, 1)
    cache.get("a")
    cache.put("c", 1)
    assert [cache.get(key) for key in "abc"] == [1, None, 1]


def test_what_is_not_there_yet_holds_up_no_other(runner: JobRunner) -> None:
    cache: LruCache[int] = LruCache(4)

    def incomplete(request: DataRequest) -> bytes:
        if request.name == "absent":
            raise ContractError("DATA_MISSING", "not yet")
        return load(request)

    starts = {name: starting(name) for name in ("absent", "a", "bb")}
    with pytest.raises(ContractError, match="DATA_MISSING"):  # once it is all that is left
        while True:
            runner.advance_all(cache, starts, incomplete)
    assert [cache.get(name) for name in starts] == [None, 1, 2]
    while (found := runner.advance_all(cache, starts, load)).keys() != starts.keys():
        pass
    assert found == {"absent": 6, "a": 1, "bb": 2}


def test_what_ends_while_it_is_asked_for_is_not_begun_anew(runner: JobRunner) -> None:
    class EndsAfterALook(LruCache[int]):
        def get(self, key: Hashable) -> int | None:
            found = super().get(key)
            self.put(key, 7)
            return found

    def never() -> tuple[Steps[int], int]:
        raise AssertionError("computed twice")

    assert runner.advance(EndsAfterALook(4), "key", never, load, TIMEOUT) == 7


def test_no_more_are_begun_than_can_be_fed() -> None:
    runner = JobRunner(jobs=4, threads=1, waiting=3)
    cache: LruCache[int] = LruCache(16)
    starts = {name: starting(name) for name in "abcdefgh"}
    while runner.advance_all(cache, starts, load).keys() != starts.keys():
        pass
    runner.close()
