# SPDX-License-Identifier: Apache-2.0
"""A verifier's part in a round's root update: it trains one itself, and hands it over or holds another's against it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.clients.runtime.updates import StoredUpdate, UpdateStore
from medquorum.clients.training.root import root_seed, root_update, same_root
from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.root import Root
from medquorum.core.documents.round import Round
from medquorum.core.documents.update import chunk_of
from medquorum.core.rules import Direction
from medquorum.errors import ModelError

__all__ = ["RootMaker"]


class RootMaker:
    """Trains root updates; each is on disk under its salts before anything of it is sent.

    Parameters
    ----------
    images
        The file of the verification set.

    Raises
    ------
    DataError
        The file is not the set that the task names.
    """

    def __init__(self, run: TaskRun, rule: Direction, images: Path, channel: str) -> None:
        self._run = run
        self._rule = rule
        self._channel = channel
        self._images = VerificationSet.read(images)
        self._images.check(run.task.dataset)
        self._description = modelformat.parse(run.task.model)
        self._store = UpdateStore(run.folder / "roots")
        self._base: tuple[str, bytes] = ("", b"")

    def make(self, round_: Round) -> StoredUpdate:
        """Return the own root update of a round: the one a killed process left, or a new one."""
        stored = self._store.load(round_.round)
        if stored is not None and stored.base == round_.base:
            return stored
        run = self._run
        seed = root_seed(self._channel, run.task.task, round_.round, round_.base)

        def progress(done: int, total: int) -> None:
            run.control.check()

        with run.report.phase("root", round=round_.round, images=len(self._images.labels)):
            base = self._model(round_.base)
            packed = root_update(self._description, base, self._images, self._rule, seed, progress)
        self._store.prune(round_.round - 1)
        return self._store.save(round_.round, round_.base, packed)

    def submit(self, round_: Round) -> None:
        """Hand over the own root update as the round's."""
        own, task = self.make(round_), self._run.task
        transient = own.transient
        for index, value in enumerate([] if transient else own.values):
            self._run.transactions.submit("PutRootChunk", task.task, round_.round, index, chunk=value)
        document = {"base": round_.base, "layout": task.layout, "chunks": own.chunks}
        self._run.transactions.submit("SubmitRoot", task.task, round_.round, document, **transient)
        self._run.report.event("root_submitted", round=round_.round, base=round_.base)

    def attest(self, round_: Round, root: Root) -> bool:
        """Say on the ledger whether another's root update is what the own training came to; return it."""
        packed = self._read(root)
        holds = packed is not None and same_root(self._model(round_.base), self.make(round_).packed, packed)
        described = {"root": root.commitment, "holds": holds}
        self._run.transactions.submit("AttestRoot", self._run.task.task, round_.round, described)
        self._run.report.event("root_attested", round=round_.round, verifier=root.verifier, holds=holds)
        return holds

    def _read(self, root: Root) -> bytes | None:
        """Return the root's parameters; None where its bytes are not those of a model within RANGE."""
        chunks = []
        for index, (expected, size) in enumerate(zip(root.chunks or [], self._run.task.chunk_sizes, strict=True)):
            value = self._run.ledger.read("ReadRootChunk", root.task, str(root.round), str(index))
            if hashlib.sha256(value).hexdigest() != expected:
                return None
            try:
                chunks.append(chunk_of(value, size))
            except ModelError:
                return None
        packed = b"".join(chunks)
        try:
            modelformat.check_range(self._description, modelformat.unpack(self._description, packed))
        except ModelError:
            return None
        return packed

    def _model(self, model: str) -> bytes:
        """Return a checked model, read from the ledger once."""
        if self._base[0] != model:
            self._base = (model, fetch_model(self._run.ledger, self._run.task, model))
        return self._base[1]
