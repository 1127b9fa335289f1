# SPDX-License-Identifier: Apache-2.0
"""Long computations beside the transactions: a thread for each core, resumable steps, results remembered.

A computation is a generator. It yields the name of the bytes it needs next (a ``DataRequest``) and is sent them. Only a
transaction can read the ledger and only for as long as it runs, so the transactions that ask for a computation
bring it its bytes. None of them waits for long: a transaction holds its peer's ledger for reading as long as it runs,
and no block is committed meanwhile. It answers "working" and is asked again. Between steps a computation holds no
thread, and at most ``waiting`` sets of bytes are held for the threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from medquorum.errors import ContractError

__all__ = ["DataRequest", "JobRunner", "LruCache", "Progress", "Steps"]

R = TypeVar("R")

ADVANCE_TIMEOUT = 0.05
"""Seconds a transaction brings a job forward before it answers that the job is still running: short steps follow each
other in one transaction, and the peer's next block does not wait for a long one."""
IDLE_LIMIT = 600.0
MOST_THREADS = 8
"""Each has an update and its evaluation in memory."""
AHEAD = 3
"""Steps whose bytes are read while all threads are busy."""


@dataclass(frozen=True)
class DataRequest:
    """Bytes a computation waits for: a model by its hash, an update by its hospital, or the round's root update."""

    kind: Literal["model", "root", "update"]
    name: str


@dataclass(frozen=True)
class Progress:
    """A computation that is not finished: steps done and steps in all."""

    done: int
    total: int

    def plain(self) -> dict[str, Any]:
        """Return the answer of a Prepare transaction that is not ready."""
        return {"state": "working", "done": self.done, "total": self.total}


Steps = Generator[DataRequest, bytes, R]


class LruCache(Generic[R]):
    """The last ``capacity`` results by key; the one unused for longest goes first. Safe between threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, R] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> R | None:
        """Return a result, None when it was never put or has gone."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: Hashable, result: R) -> None:
        """Remember a result."""
        with self._lock:
            self._entries[key] = result
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)


@dataclass
class _Job:
    steps: Steps[Any]
    total: int
    done: int = -1
    request: DataRequest | None = None
    idle: bool = True
    finished: bool = False
    error: Exception | None = None
    touched: float = field(default_factory=time.monotonic)


class JobRunner:
    """Runs computations at the same time, each one step after the other.

    Parameters
    ----------
    jobs
        Computations that may be under way at a time.
    threads
        Steps that may run at a time: by default one for each core, at most ``MOST_THREADS``.
    waiting
        Steps that may run or wait for a thread, each with its bytes: by default ``AHEAD`` more than threads.
    """

    def __init__(self, jobs: int = 256, threads: int | None = None, waiting: int | None = None) -> None:
        threads = min(os.cpu_count() or 1, MOST_THREADS) if threads is None else threads
        self._limit = jobs
        self._waiting = threads + AHEAD if waiting is None else waiting
        self._queued = 0
        self._jobs: dict[Hashable, _Job] = {}
        self._change = threading.Condition()
        self._threads = ThreadPoolExecutor(threads, "evaluation")

    def close(self) -> None:
        """Take no more steps and wait for the running ones."""
        self._threads.shutdown(cancel_futures=True)

    def advance(
        self,
        cache: LruCache[R],
        key: Hashable,
        start: Callable[[], tuple[Steps[R], int]],
        load: Callable[[DataRequest], bytes],
        timeout: float = ADVANCE_TIMEOUT,
    ) -> R | Progress:
        """Bring the computation named ``key`` forward for about ``timeout`` seconds, by one step at least.

        Parameters
        ----------
        cache
            Where its result is looked up and remembered.
        start
            Makes the computation and its number of steps, where it is not under way.
        load
            Reads the bytes of a request.

        Raises
        ------
        ContractError
            ``BUSY`` when too many computations are under way; whatever ``load`` or the computation raise.
        """
        deadline = time.monotonic() + timeout
        result = cache.get(key)
        while result is None:
            job = self._claim(cache, key, start, deadline)
            if isinstance(job, Progress):
                return job
            if job is not None and not job.finished:
                self._feed(cache, key, job, load)
            elif job is not None and job.error is not None:
                self._drop(key, job)
                raise job.error
            result = cache.get(key)
        return result

    def begin(self, cache: LruCache[R], key: Hashable, start: Callable[[], tuple[Steps[R], int]]) -> None:
        """Have a computation go on as far as it gets without bytes; nothing happens where too many are under way."""
        with self._change, suppress(ContractError):
            if cache.get(key) is None and key not in self._jobs:
                job = self._begin(key, start)
                job.idle = False
                self._queued += 1
                self._threads.submit(self._step, cache, key, job, None)

    def advance_all(
        self,
        cache: LruCache[R],
        starts: Mapping[Hashable, Callable[[], tuple[Steps[R], int]]],
        load: Callable[[DataRequest], bytes],
    ) -> dict[Hashable, R]:
        """Bring several computations forward beside each other, the first ones first; return the results there are.

        It does not wait for a step. Errors are those of ``advance``, but bytes that are not at the peer yet
        (``DATA_MISSING``) hold up no other computation: that is raised where all that are left lack theirs.
        """
        self._feed_each(cache, {key: start for key, start in starts.items() if cache.get(key) is None}, load)
        return {key: result for key in starts if (result := cache.get(key)) is not None}

    def _feed_each(
        self,
        cache: LruCache[R],
        starts: Mapping[Hashable, Callable[[], tuple[Steps[R], int]]],
        load: Callable[[DataRequest], bytes],
    ) -> None:
        """Bring forward as many as can be fed: each that is begun counts against the limit of all."""
        fed, missing = 0, None
        for key, start in starts.items():
            if fed == self._waiting:
                return
            try:
                self.advance(cache, key, start, load, timeout=0)
                fed += 1
            except ContractError as error:
                if error.code != "DATA_MISSING":
                    raise
                missing = error
        if missing is not None and not fed:
            raise missing

    def _claim(
        self, cache: LruCache[R], key: Hashable, start: Callable[[], tuple[Steps[R], int]], deadline: float
    ) -> _Job | Progress | None:
        """Wait until the job has finished, or until its next step can be the caller's to feed; None if it was done."""
        with self._change:
            job = self._jobs.get(key)
            if job is None and cache.get(key) is not None:
                return None  # it ended after the caller had looked: begun anew it would take another one's place
            job = job or self._begin(key, start)
            job.touched = time.monotonic()

            def ready() -> bool:
                return job.finished or (job.idle and self._queued < self._waiting)

            if not self._change.wait_for(ready, max(0.0, deadline - job.touched)):
                return Progress(max(job.done, 0), job.total)
            if not job.finished:
                job.idle = False
                self._queued += 1
            return job

    def _begin(self, key: Hashable, start: Callable[[], tuple[Steps[Any], int]]) -> _Job:
        now = time.monotonic()
        for old in [k for k, job in self._jobs.items() if job.idle and now - job.touched > IDLE_LIMIT]:
            del self._jobs[old]
        if len(self._jobs) >= self._limit:
            raise ContractError("BUSY", f"{len(self._jobs)} evaluations are under way", "Ask again in a few seconds")
        steps, total = start()
        self._jobs[key] = _Job(steps, total)
        return self._jobs[key]

    def _feed(self, cache: LruCache[R], key: Hashable, job: _Job, load: Callable[[DataRequest], bytes]) -> None:
        """Read what the claimed job needs and hand it to a thread."""
        try:
            data = None if job.request is None else load(job.request)
            self._threads.submit(self._step, cache, key, job, data)
        except BaseException:
            with self._change:
                job.idle = True
                self._queued -= 1
                self._change.notify_all()
            raise

    def _step(self, cache: LruCache[R], key: Hashable, job: _Job, data: bytes | None) -> None:
        """Run one step on a thread; its error is raised in the transactions that wait for the job, or ask next."""
        try:
            job.request = next(job.steps) if data is None else job.steps.send(data)
        except StopIteration as end:
            cache.put(key, end.value)
            job.finished = True
        except Exception as error:
            job.error, job.finished = error, True
        with self._change:
            job.done += 1
            job.idle = True
            self._queued -= 1
            if job.finished and job.error is None:
                del self._jobs[key]
            self._change.notify_all()

    def _drop(self, key: Hashable, job: _Job) -> None:
        """Let a job whose error was raised be begun anew; nobody else may have done so already."""
        with self._change:
            if self._jobs.get(key) is job:
                del self._jobs[key]
