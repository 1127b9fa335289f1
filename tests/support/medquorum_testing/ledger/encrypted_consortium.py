# SPDX-License-Identifier: Apache-2.0
"""The small consortium with an encrypted task: what its parties find is given, the contract sees nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

from medquorum.core import model as modelformat
from medquorum_testing.ledger.consortium_ledger import DEALER, A, B, Consortium

TRANSCRIPT = "7" * 64
NONCE = "9" * 64
MASKS = "5" * 64


def settings(**changes: Any) -> dict[str, Any]:
    """Return an encrypted task's field ``encrypted``; P0 is not the first in the alphabet."""
    return {
        "parties": [B, A],
        "dealer": DEALER,
        "services": {A: "a.example:7100", B: "127.0.0.1:7101", DEALER: "localhost:65535"},
        "comparison": "tree",
        "batch": 64,
        "grayscale": False,
        "placement": "outsourced",
    } | changes


def with_nodes(*nodes: str) -> dict[str, Any]:
    """Return the settings with these aggregation nodes, each at an address."""
    services = settings()["services"]
    return settings(aggregators=list(nodes), services={node: "127.0.0.1:7102" for node in nodes} | services)


def shares(packed: bytes) -> dict[str, str]:
    """Return commitments to two shares of an update, or to the parts of its mask."""
    return {party: hashlib.sha256(party.encode() + packed).hexdigest() for party in (A, B)}


def hidden(packed: bytes, placement: str = "outsourced") -> dict[str, Any]:
    """Return what an update is bound to in a placement, but for the nonce."""
    if placement != "outsourced":
        return {"shares": shares(packed)}
    return {"masked": hashlib.sha256(packed).hexdigest(), "masks": shares(packed)}


class EncryptedConsortium(Consortium):
    """Takes the same steps of a round in an encrypted task."""

    def task(self, **changes: Any) -> dict[str, Any]:
        return super().task(verification="encrypted", encrypted=settings(), minimum_accepted=3) | changes

    def hand_in(self, hospital: str, packed: bytes, number: int = 1, salt: bytes = b"", nonce: str = NONCE) -> None:
        placement = self.read(A, "ReadTask", "demo")["encrypted"]["placement"]
        update = {"base": self.base(number), "layout": self.layout, "nonce": nonce} | hidden(salt + packed, placement)
        self.submit(hospital, "SubmitUpdate", "demo", number, update)

    def evaluated(self, hospital: str, number: int = 1, **changes: Any) -> dict[str, Any]:
        """Return what a party attests of an accepted update."""
        commitments = self.read(A, "ReadRound", "demo", number)["commitments"]
        return {
            "accepted": True,
            "reason": None,
            "counts": {"total": 40, "base": 10, "mixed": 30},
            "quality": 20,
            "update": commitments[hospital],
            "dataset": self.set.commitment(),
            "transcript": TRANSCRIPT,
        } | changes

    def verify(self, hospital: str, number: int = 1) -> dict[str, Any]:
        for party in (A, B):
            self.submit(party, "AttestVerdict", "demo", number, hospital, self.evaluated(hospital, number))
        verdict: dict[str, Any] = self.read(A, "ReadVerdict", "demo", number, hospital)
        return verdict

    def new_model(self, number: int = 1) -> bytes:
        """Return the model that the parties' shares are said to add up to."""
        return self.good_update(100 + number)

    def masks(self, number: int = 1) -> None:
        """Let the dealer attest the masks, without which nobody attests a model."""
        self.submit(DEALER, "AttestMasks", "demo", number, MASKS)

    def attest(self, number: int = 1) -> None:
        self.masks(number)
        super().attest(number)

    def attestation_result(self, verifier: str, number: int = 1) -> dict[str, Any]:
        chunks = modelformat.chunk_hashes(self.new_model(number))
        found: dict[str, Any] = {"model": modelformat.model_hash(self.layout, chunks)}
        return found | ({"accuracy": {"worse": False, "counts": {"base": 10, "model": 30}}} if verifier == B else {})

    def store(self, number: int = 1) -> None:
        packed = self.new_model(number)
        described = {"chunks": modelformat.chunk_hashes(packed)}
        for index, chunk in enumerate(modelformat.split(packed)):
            self.submit(B, "PutAggregateChunk", "demo", number, index, described, chunk=modelformat.stored_form(chunk))
