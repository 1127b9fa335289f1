# SPDX-License-Identifier: Apache-2.0
"""An auditor's part from Python: what ``medquorum.auditor`` shows and the command line prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medquorum.clients.ledger.history import RoundSummary, history
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.proof.audit import audit_round, audit_verdict
from medquorum.clients.proof.basis import Proof
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Claim, Evidence, check_claims
from medquorum.clients.proof.evidence import history as key_history
from medquorum.clients.proof.trust_root import endorser_history
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.report import EventReport
from medquorum.clients.runtime.session import CHANNEL, Session
from medquorum.clients.runtime.session import connect as open_connection
from medquorum.core.documents.task import Task
from medquorum.gateway import read_profile

__all__ = ["AuditorConnection", "Proven", "connect"]


@dataclass(frozen=True)
class Proven:
    """What passed, a round or a verdict: the hash of block 0, hex, and what shows each document to be the ledger's."""

    genesis: str
    evidence: list[Evidence]


class AuditorConnection:
    """An auditor that is connected; from ``connect``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tasks(self) -> list[str]:
        """Return the names of all tasks."""
        return self._session.ledger.tasks()

    def round(self, task: str, round_number: int) -> RoundStatus:
        """Return all documents of a round, as the own peer answers them; ``verify`` proves them."""
        return self._session.ledger.status_now(task, round_number)

    def history(self, task: str, hospital: str) -> list[RoundSummary]:
        """Return what became of every round, and of a hospital's updates (MSP id)."""
        return history(self._session.ledger, task, hospital)

    def scores(self, task: str) -> dict[str, dict[str, Any]]:
        """Return every hospital's counts and summed quality over all rounds."""
        return dict(self._session.ledger.value("ReadScores", task))

    def versions(self, kind: str, *attributes: str | int) -> list[dict[str, Any]]:
        """Return every version of a key, newest first, with transaction and time."""
        return key_history(self._session.ledger, kind, list(attributes))

    def verify(self, task: str, round_number: int, proof: Proof) -> Proven:
        """Check the chain up to a round, its orderers' signatures, and what each of the round's transactions wrote.

        Raises
        ------
        CheckFailed
            Something is not what the ledger promises; ``check`` names it.
        """
        chain, document, endorsers = self._begin(task, proof)
        evidence = list(audit_round(chain, self._session.ledger, document, round_number, endorsers))
        return Proven(chain.genesis.hex(), evidence)

    def verify_verdict(self, task: str, round_number: int, hospital: str, proof: Proof) -> Proven:
        """Check the verdict on a hospital (MSP id), and what it rests on, in the blocks that hold it.

        Raises
        ------
        CheckFailed
            Something is not what the ledger promises; ``check`` names it.
        """
        chain, document, endorsers = self._begin(task, proof)
        evidence = list(audit_verdict(chain, self._session.ledger, document, round_number, hospital, endorsers))
        return Proven(chain.genesis.hex(), evidence)

    def _begin(self, task: str, proof: Proof) -> tuple[Chain, Task, Endorsers]:
        """Return the chain, the task as it is proven, and who endorses in it."""
        ledger = self._session.ledger
        document = ledger.task(task)
        chain, root = proof.begin(self._session)
        check_claims(chain, ledger, [Claim("task", document)], endorser_history(chain, ledger, root))
        return chain, document, Endorsers(document.verifiers, document.quorum, root.authorities)


@contextmanager
def connect(
    profile: Path | str, identity: str = "User1", *, channel: str = CHANNEL, state: Path | str | None = None
) -> Iterator[AuditorConnection]:
    """Connect through the own peer while the context lasts; nothing of the process is changed.

    Parameters
    ----------
    profile
        Connection profile of the own organisation; its wallet lies beside it.
    identity
        A label of the wallet.
    state
        The auditor's own folder; by default ``medquorum-state/auditor-MSP``.

    Raises
    ------
    ConfigError
        Profile or identity cannot be used, or another process uses the folder.
    """
    place = Connection(Path(profile), identity, channel, None if state is None else Path(state))
    report = EventReport("auditor", read_profile(place.profile).msp_id, lambda event: None)
    with open_connection("auditor", place, report) as session:
        yield AuditorConnection(session)
