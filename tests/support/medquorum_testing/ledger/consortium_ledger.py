# SPDX-License-Identifier: Apache-2.0
"""A small consortium on a ledger in memory: two verifiers, three hospitals, a dealer, a task with a tiny model."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.chaincode.contract import Contract
from medquorum.chaincode.node import Node
from medquorum.chaincode.verification_sets import VerificationSets
from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.chunk import chunk_sizes
from medquorum.core.documents.consortium import founding_hash
from medquorum.core.documents.root import Root
from medquorum.core.documents.update import private_value
from medquorum.core.model import catalogue
from medquorum.shim import PeerError, create_composite_key
from medquorum_testing.ledger.memory_stub import MemoryLedger, creator

A, B = "VerifierAMSP", "VerifierBMSP"
VERIFIERS = [A, B]
HOSPITALS = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]
DEALER = "DealerMSP"
MEMBERS = {
    A: ["coordinator", "verifier"],
    B: ["coordinator", "verifier"],
    DEALER: ["dealer"],
    **{hospital: ["hospital"] for hospital in HOSPITALS},
}
SALT = bytes(range(32))


def verification_set(images: int = 40, seed: int = 7) -> VerificationSet:
    """Images 2x2 whose class is the brightest quarter."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 200, (images, 2, 2), dtype=np.uint8)
    labels = np.arange(images, dtype=np.uint8) % 4
    pixels.reshape(images, 4)[np.arange(images), labels] = 255
    return VerificationSet(pixels, labels, 4, SALT)


class Consortium:
    """The ledger, its nodes and the shortest ways to take each step of a round."""

    def __init__(self, folder: Path, verifiers: Sequence[str] = VERIFIERS, quorum: int = 2) -> None:
        self.verifiers = list(verifiers)
        self.name = "demo"
        members = [*self.verifiers, *HOSPITALS]
        self.ledger = MemoryLedger({"updates": self.verifiers, "models": members})
        self.set = verification_set()
        folder.mkdir(parents=True, exist_ok=True)
        self.images = folder / "set.safetensors"
        self.set.write(self.images)
        self.members = MEMBERS | {verifier: ["coordinator", "verifier"] for verifier in self.verifiers}
        founding = founding_hash(quorum, self.members)
        self.nodes = {
            msp: Node(msp, VerificationSets(folder if msp in self.verifiers else None), founding) for msp in members
        }
        for msp, node in self.nodes.items():
            self.ledger.join(msp, Contract(node))
        self.description = modelformat.parse(self.document())
        self.quorum = quorum

    @staticmethod
    def document() -> dict[str, Any]:
        return catalogue.mlp((1, 2, 2), 4, hidden=4)

    def close(self) -> None:
        for node in self.nodes.values():
            node.job_runner.close()

    def restart(self, msp: str) -> None:
        """Forget everything the organisation's chaincode process remembered."""
        old = self.nodes[msp]
        old.job_runner.close()
        self.nodes[msp] = Node(msp, old.sets, old.founding)
        self.ledger.organisations[msp].chaincode = Contract(self.nodes[msp])

    @staticmethod
    def ledger_key(kind: str, *attributes: str) -> str:
        return create_composite_key(kind, attributes)

    def submit(self, msp: str, function: str, *args: Any, unit: str = "client", **transient: bytes) -> Any:
        raw = self.ledger.submit(
            self.verifiers[: self.quorum], creator(msp, unit), function, *map(text, args), transient=transient
        )
        return json.loads(raw)

    def read(self, msp: str, function: str, *args: Any) -> Any:
        return json.loads(self.ledger.evaluate(msp, creator(msp), function, *map(text, args)))

    def init(self) -> None:
        self.submit(A, "InitConsortium", {"quorum": self.quorum, "members": self.members}, unit="admin")

    def expel(self, *msps: str) -> None:
        """Have a quorum of verifiers take organisations out of the consortium."""
        now = self.read(A, "ReadConsortium")["members"]
        self.vote({msp: roles for msp, roles in now.items() if msp not in msps})

    def vote(self, members: Mapping[str, list[str]]) -> None:
        """Have a quorum of verifiers change the members."""
        following = {"quorum": self.read(A, "ReadConsortium")["quorum"], "members": dict(members)}
        for verifier in self.verifiers[: self.quorum]:
            self.submit(verifier, "UpdateConsortium", following, unit="admin")

    def model(self, seed: int = 0, scale: float = 0.1) -> bytes:
        """Return a packed random model."""
        generator = np.random.default_rng(seed)
        tensors = {
            spec.name: (generator.normal(0, scale, spec.shape) * 65536).astype(np.int32)
            for spec in modelformat.layout(self.description)
        }
        return modelformat.pack(self.description, tensors)

    def good_update(self, seed: int = 0, shift: int = 0) -> bytes:
        """Return a packed model that knows the classes (identity layers, a little noise), or takes each for another."""
        generator = np.random.default_rng(seed)
        tensors = {}
        for spec in modelformat.layout(self.description):
            exact = (
                np.roll(np.eye(4) * 2, shift if spec.name == "fc2.weight" else 0, axis=0)
                if len(spec.shape) == 2
                else np.zeros(spec.shape)
            )
            tensors[spec.name] = ((exact + generator.normal(0, 0.01, spec.shape)) * 65536).astype(np.int32)
        return modelformat.pack(self.description, tensors)

    @property
    def layout(self) -> str:
        return modelformat.layout_hash(self.description)

    def put_model(self, packed: bytes, store: str = "public") -> str:
        manifest = {"layout": self.layout, "length": len(packed), "chunks": modelformat.chunk_hashes(packed)}
        for index, chunk in enumerate(modelformat.split(packed)):
            form = modelformat.stored_form(chunk)
            answer = self.submit(A, "PutModelChunk", manifest, index, store, chunk=form)
        return str(answer["model"])

    def chunk(self, msp: str, model: str, index: int = 0) -> bytes:
        """Read a chunk of a model as the ledger's hashes mean it."""
        stored = self.ledger.evaluate(msp, creator(msp), "ReadModelChunk", model, str(index))
        length = self.read(msp, "ReadModel", model)["length"]
        return modelformat.from_stored_form(stored, chunk_sizes(length)[index])

    def task(self, **changes: Any) -> dict[str, Any]:
        return {
            "task": "demo",
            "model": self.document(),
            "initial_model": modelformat.model_hash(self.layout, modelformat.chunk_hashes(self.model())),
            "lambda_numerator": 1,
            "lambda_bits": 1,
            "rule": {"name": "strict"},
            "disclosure": "count",
            "dataset": self.set.commitment(),
            "dataset_size": 40,
            "fraction_bits": 16,
            "coordinator": A,
            "standby": B,
            "verifiers": self.verifiers,
            "hospitals": HOSPITALS,
            "quorum": self.quorum,
            "minimum_accepted": 1,
            "model_tolerance": 0,
            "rounds": 3,
            "verification": "plain",
            "model_store": "public",
            "keep_updates": False,
        } | changes

    def begin(self, **changes: Any) -> None:
        """Initialise the consortium, store w_0, create the task."""
        self.init()
        task = self.task(**changes)
        self.put_model(self.model(), task["model_store"])
        self.submit(A, "CreateTask", task)

    def base(self, number: int = 1) -> str:
        return str(self.read(A, "ReadRound", self.name, number)["base"])

    def put(
        self, author: str, packed: bytes, number: int = 1, salt: bytes = SALT, function: str = "PutUpdateChunk"
    ) -> list[str]:
        chunks = [private_value(salt, chunk) for chunk in modelformat.split(packed)]
        for index, value in enumerate(chunks):
            self.submit(author, function, self.name, number, index, chunk=value)
        return [hashlib.sha256(value).hexdigest() for value in chunks]

    def hand_in(self, hospital: str, packed: bytes, number: int = 1, salt: bytes = SALT) -> None:
        chunks = self.put(hospital, packed, number, salt)
        update = {"base": self.base(number), "layout": self.layout, "chunks": chunks}
        self.submit(hospital, "SubmitUpdate", self.name, number, update)

    def submit_root(self, verifier: str, packed: bytes, number: int = 1, **changes: Any) -> dict[str, Any]:
        chunks = self.put(verifier, packed, number, function="PutRootChunk")
        root = {"base": self.base(number), "layout": self.layout, "chunks": chunks} | changes
        submitted: dict[str, Any] = self.submit(verifier, "SubmitRoot", self.name, number, root)
        return submitted

    def attest_root(self, verifier: str, number: int = 1, *, holds: bool = True) -> None:
        root = Root.from_plain(self.read(verifier, "ReadRoundStatus", self.name, number)["root"])
        self.submit(verifier, "AttestRoot", self.name, number, {"root": root.commitment, "holds": holds})

    def verify_round(self, number: int = 1) -> dict[str, dict[str, Any]]:
        for verifier in self.verifiers[: self.quorum]:
            self.prepare(verifier, "PrepareRound", self.name, number)
        verdicts: dict[str, dict[str, Any]] = self.submit(A, "VerifyRound", self.name, number)
        return verdicts

    def prepare(self, verifier: str, function: str, *args: Any) -> dict[str, Any]:
        """Ask a Prepare transaction until it is ready."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self.read(verifier, function, *args)
            if answer["state"] == "ready":
                return answer
        raise TimeoutError(function)

    def verify(self, hospital: str, number: int = 1) -> dict[str, Any]:
        for verifier in self.verifiers[: self.quorum]:
            self.prepare(verifier, "PrepareVerdict", self.name, number, hospital)
        verdict: dict[str, Any] = self.submit(A, "VerifyUpdate", self.name, number, hospital)
        return verdict

    def attestation_result(self, verifier: str, number: int = 1) -> dict[str, Any]:
        answer = self.prepare(verifier, "PrepareAggregate", self.name, number)
        return {name: answer[name] for name in ("model", "worse", "counts") if name in answer}

    def attest(self, number: int = 1) -> None:
        for verifier in self.verifiers:
            self.submit(verifier, "AttestAggregate", self.name, number, self.attestation_result(verifier, number))

    def store(self, number: int = 1) -> None:
        for index in range(self.read(A, "ReadRoundStatus", self.name, number)["chunks"]):
            self.submit(A, "StoreModelChunk", self.name, number, index)

    def play(self, number: int, updates: dict[str, bytes]) -> dict[str, Any]:
        """Play a whole round and return its last document."""
        self.submit(A, "OpenRound", self.name, number)
        for hospital, packed in updates.items():
            self.hand_in(hospital, packed, number)
        self.submit(A, "CloseSubmissions", self.name, number, "")
        for hospital in sorted(updates):
            self.verify(hospital, number)
        document: dict[str, Any] = self.submit(A, "CloseVerdicts", self.name, number, "")
        if document["state"] == "aggregating":
            self.attest(number)
            self.store(number)
            document = self.submit(A, "CloseRound", self.name, number, "")
        return document


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def refusal(error: PeerError) -> str:
    """Return the code of a refusal."""
    return str(error).partition(":")[0]
