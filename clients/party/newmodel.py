# SPDX-License-Identifier: Apache-2.0
"""The round's new model as a party makes it: the sum opened with the other party, attested, stored chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from chaincode import modelformat
from chaincode.contract.aggregate import is_worse
from chaincode.contract.roundstate import Round
from chaincode.contract.task import Task
from clients.documents import RoundStatus
from clients.follow import POLL
from clients.gateway.files import write_durably
from clients.ledger import Ledger
from clients.party.aggregation import fix_set, next_packed, opened_sum
from clients.party.images import PrivateImages
from clients.party.roundfolders import round_folder
from clients.party.saying import hear, tell
from clients.party.shares import ShareStore
from clients.party.verification import Verification
from clients.report import Report
from clients.transactions import Transactions
from medquorum import ContractError, ProtocolError
from verifier.transport import Transport

__all__ = ["NewModel"]

PARALLEL = 2
TAKEOVER = 5.0
"""Seconds before P1 stores the chunks that P0 should have stored."""


class NewModel:
    """Makes, attests and stores the new models of one task."""

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        task: Task,
        shares: ShareStore,
        verification: Verification,
        images: PrivateImages | None,
        folder: Path,
        report: Report,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._shares = shares
        self._verification = verification
        self._images = images
        self._folder = folder
        self._report = report

    def make(self, line: Transport, status: RoundStatus, index: int) -> None:
        """Open the accepted updates' sum with the other party, and attest the model that follows from it.

        Raises
        ------
        ProtocolError
            The other party means another set or has stopped.
        MaterialError
            The sum of another set of this round may have been opened.
        """
        current = status.round
        if current is None:
            raise ProtocolError("there is no round to aggregate in")
        with self._report.phase("aggregation", round=current.round):
            fix_set(self._folder / "sums", current)
            shares = (self._share(status, hospital) for hospital in current.accepted)
            total = opened_sum(line, current, shares, self._task.length // 4)
            base, _ = self._verification.base(current.base)
            packed = next_packed(self._task, base, total, len(current.accepted))
            self._place(current).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self._place(current), packed)
            model = modelformat.model_hash(self._task.layout, modelformat.chunk_hashes(packed))
            finding = {"model": model, **self._stated(line, current, packed, index)}
        if self._ledger.msp not in status.aggregates:
            self._attest(current, finding)

    def store(self, status: RoundStatus, index: int, waited: float) -> float:
        """Store the chunks of the attested model that are not on the ledger yet; P1 only when P0 does not."""
        current, own = status.round, status.aggregates.get(self._ledger.msp)
        if current is None or own is None or own.worse or len(status.aggregates) < len(self._task.verifiers):
            return POLL
        missing = [i for i in range(status.chunks) if i not in status.stored_chunks]
        if not missing or (index == 1 and waited < TAKEOVER):
            return TAKEOVER
        chunks = modelformat.split(self._place(current).read_bytes())
        document = {"chunks": [sha256(chunk).hexdigest() for chunk in chunks]}

        def put(index: int) -> None:
            name = "PutAggregateChunk"
            self._transactions.submit(name, self._task.task, current.round, index, document, chunk=chunks[index])

        with (
            self._report.phase("store", round=current.round, chunks=len(missing)),
            ThreadPoolExecutor(PARALLEL) as pool,
        ):
            list(pool.map(put, missing))
        return 0

    def _stated(self, line: Transport, current: Round, packed: bytes, index: int) -> Mapping[str, Any]:
        """P0 evaluates the new model, which is public, on its images, and tells P1 what both attest."""
        if index == 1 or self._images is None:
            match hear(line):
                case {"worse": bool(worse), "counts": {"base": int(before), "model": int(after)}}:
                    return {"worse": worse, "counts": {"base": before, "model": after}}
                case {"worse": bool(worse)}:
                    return {"worse": worse}
            raise ProtocolError("P0 says nothing of the new model", "Both parties have to run the same release")
        _, merit = self._verification.base(current.base)
        before = 0 if merit is None else merit.correct
        after = self._images.merit(modelformat.unpack(modelformat.parse(self._task.model), packed)).correct
        said: dict[str, Any] = {"worse": is_worse(self._task, before, after)}
        if self._task.disclosure == "count":
            said["counts"] = {"base": before, "model": after}
        tell(line, said)
        return said

    def _attest(self, current: Round, finding: Mapping[str, Any]) -> None:
        try:
            self._transactions.submit("AttestAggregate", self._task.task, current.round, finding)
        except ContractError as error:
            if error.code != "ALREADY_ATTESTED":
                raise
        self._report.event("model_attested", round=current.round, **finding)

    def _share(self, status: RoundStatus, hospital: str) -> Any:
        share = self._shares.wait(status, hospital, 0)
        if share is None:
            raise ProtocolError(f"the share of {hospital} is gone", "Abort the round: its sum cannot be opened")
        return share

    def _place(self, current: Round) -> Path:
        return round_folder(self._folder, current.round) / "model.bin"
