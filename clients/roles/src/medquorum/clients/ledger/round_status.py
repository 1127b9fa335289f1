# SPDX-License-Identifier: Apache-2.0
"""The ledger's documents as a client reads them: the contract's own types, and all of a round in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from medquorum.core.documents.aggregation.aggregate import Aggregate, final
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.document import Document
from medquorum.core.documents.root import Root, RootAttestation, standing
from medquorum.core.documents.round import ENDED, Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.documents.verdict import Verdict
from medquorum.errors import CheckFailed

__all__ = ["RoundStatus", "ended", "read_document", "result_of"]

D = TypeVar("D", bound=Document)
Read = TypeVar("Read")


@dataclass(frozen=True)
class RoundStatus:
    """Everything about one round (``ReadRoundStatus``, of the latest ``ReadCurrentStatus``).

    Every client derives its next action from it.

    Parameters
    ----------
    verdicts
        By hospital; those still pending are left out.
    attestations
        By hospital, then by verifier.
    chunks
        How many chunks a model of the task has.
    stored_chunks
        Which of the new model's chunks are stored, counted from 0.
    """

    round: Round | None
    updates: Mapping[str, Update] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    aggregates: Mapping[str, Aggregate] = field(default_factory=dict)
    conclusion: Conclusion | None = None
    attestations: Mapping[str, Mapping[str, Attestation]] = field(default_factory=dict)
    masks: Masks | None = None
    root: Root | None = None
    root_attestations: Mapping[str, RootAttestation] = field(default_factory=dict)
    chunks: int = 1
    stored_chunks: tuple[int, ...] = ()

    def result(self, task: Task) -> Conclusion | Aggregate | None:
        """Return what ends the round: as it was concluded, or as enough nodes attest; None while there is neither."""
        return self.conclusion or final(task, list(self.aggregates.values()))

    def awaited_verifiers(self, task: Task) -> tuple[str, ...]:
        """Return whose word on the root update the round waits for: one of them makes it, then the others attest it."""
        waiting = self.round is not None and self.round.state in ("open", "verifying")
        if not task.has_root or not waiting:
            return ()
        if self.root is None:
            return tuple(task.root_makers)
        if standing(task, 0, self.root_attestations.values()) != "awaited":
            return ()
        spoken = {self.root.verifier, *self.root_attestations}
        return tuple(verifier for verifier in task.verifiers if verifier not in spoken)

    @classmethod
    def read(cls, value: Any) -> RoundStatus:
        """Take the contract's answer.

        Raises
        ------
        CheckFailed
            It has not the form docs/reference/transactions.md gives.
        """
        return expected_form("ReadRoundStatus", lambda: cls._read(value))

    @classmethod
    def _read(cls, value: Any) -> RoundStatus:
        return cls(
            round=None if value["round"] is None else read_document(Round, value["round"]),
            updates={msp: read_document(Update, item) for msp, item in value["updates"].items()},
            verdicts={
                msp: read_document(Verdict, item) for msp, item in value["verdicts"].items() if item != "pending"
            },
            aggregates={msp: read_document(Aggregate, item) for msp, item in value["aggregates"].items()},
            conclusion=None if value["conclusion"] is None else read_document(Conclusion, value["conclusion"]),
            attestations={
                msp: {who: read_document(Attestation, item) for who, item in given.items()}
                for msp, given in value["attestations"].items()
            },
            masks=None if value["masks"] is None else read_document(Masks, value["masks"]),
            root=None if value["root"] is None else read_document(Root, value["root"]),
            root_attestations={
                msp: read_document(RootAttestation, item) for msp, item in value["root_attestations"].items()
            },
            chunks=int(value["chunks"]),
            stored_chunks=tuple(value["stored_chunks"]),
        )


def read_document(kind: type[D], value: Any) -> D:
    """Take one document as the contract answers it, with its ``docType``.

    Raises
    ------
    CheckFailed
        It is not such a document.
    ContractError
        ``LEDGER_FORMAT``: another release made the channel.
    """
    return expected_form(kind.kind, lambda: kind.from_plain(value))


def expected_form(name: str, read: Callable[[], Read]) -> Read:
    """Read an answer; what does not fit its form is a failed check."""
    try:
        return read()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        fields = (
            [".".join(map(str, item["loc"])) for item in error.errors()] if isinstance(error, ValidationError) else []
        )
        raise CheckFailed(
            f"the peer's answer has not the form of {name}: {', '.join(fields) or error}",
            "Client and chaincode are of different versions: install the same release",
        ) from error


def ended(round_: Round) -> bool:
    """Return whether nothing more happens in a round."""
    return round_.state in ENDED


def result_of(round_: Round) -> str:
    """Return the hash of the model the next round starts from."""
    return round_.model if round_.state == "closed" and round_.model else round_.base
