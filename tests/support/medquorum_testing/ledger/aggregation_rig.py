# SPDX-License-Identifier: Apache-2.0
"""One encrypted round with every role's own code on a ledger in memory: verified, shared, summed, attested.

Each role has its own folder; ``heard`` holds every message by its receiver and its sender. A test bends messages with
``bend``, switches roles off with ``down``, and makes a node anew from its folder with ``restart``.
"""

from __future__ import annotations

import io
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.encrypted.aggregation.new_model import ModelPublisher
from medquorum.clients.encrypted.aggregation.node import Node
from medquorum.clients.encrypted.aggregation.resharing import Resharer
from medquorum.clients.encrypted.aggregation.result import model_name, next_packed
from medquorum.clients.encrypted.dealer.approval import Approval
from medquorum.clients.encrypted.dealer.dealing import MaskAttestor
from medquorum.clients.encrypted.dealer.mask_seeds import MaskSeeds
from medquorum.clients.encrypted.verification.dealer_material import deal_request
from medquorum.clients.encrypted.verification.direction_round import verify_direction
from medquorum.clients.encrypted.verification.images import PrivateImages, mounted
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.encrypted.verification.weighted import weighted
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.root import ROOT
from medquorum.core.fixedpoint import IntArray
from medquorum.core.rules import Direction, parse_rule
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.binding.masked_update import commit_update
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.opening.transport import InProcess, in_process
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.session.spec import VerificationSpec
from medquorum_testing.encrypted.local_dealer import LocalDealer, LocalMaterial
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, with_nodes
from medquorum_testing.ledger.ledger_contract import LedgerContract
from medquorum_testing.ledger.shifted_party import ShiftedShares, ShiftedSummands

PARTIES = (B, A)
"""P0 and P1."""
Bend = Callable[[str, str, Delivery, list[bytes]], list[bytes]]
"""Given sender, receiver, header and messages; return the messages that arrive."""


def parameters_of(packed: bytes) -> IntArray:
    """Return a packed model's parameters (n,)."""
    return np.frombuffer(packed, dtype="<i4").astype(np.int64)


class RigDealer:
    """The dealer as one party asks it."""

    def __init__(self, rig: Rig, index: int) -> None:
        self._rig = rig
        self._index = index

    def take(self, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing) -> LocalMaterial:
        return self._rig._dealt(self._index, spec, attempt, first, comparing)

    def bandwidth(self) -> float:
        return 1e9


class Rig:
    """A task whose hospitals have submitted in its first round; P0 mounts this file of the folder ``sets``."""

    def __init__(
        self,
        folder: Path,
        nodes: Sequence[str] = (A, B),
        batch: int = 40,
        mount: str = "set.safetensors",
        **task: Any,
    ) -> None:
        self.folder = folder
        self.number = 1
        self.told = io.StringIO()
        self.demo = EncryptedConsortium(folder / "sets")
        fields = {"rule": {"name": "none"}, "rounds": 1, "model_tolerance": 1000, "minimum_accepted": 3}
        self.demo.begin(encrypted=with_nodes(*nodes) | {"batch": batch, "comparison": "tree"}, **(fields | task))
        self.task = self.ledger(A).task("demo")
        self.parameters = self.task.length // 4
        self.updates: dict[str, IntArray] = {}
        self.root = parameters_of(self.demo.good_update(99))
        self.heard: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        self.down: set[str] = set()
        self.bend: Bend = lambda sender, receiver, header, messages: messages
        self.seeds = MaskSeeds(folder / DEALER)
        quiet = Report("test", "", as_json=True, stream=io.StringIO())
        self.report = quiet
        self.mask_attestor = MaskAttestor(self.ledger(DEALER), self.transactions(DEALER), self.task, self.seeds, quiet)
        self.approval = Approval(self.ledger(DEALER), self.task, "g" * 64, self.seeds)
        self.shares = [
            ShiftedShares(folder / party / "shares", self.ledger(party), self.task, index)
            for index, party in enumerate(PARTIES)
        ]
        self.summands = [
            ShiftedSummands(self.shares[index], folder / party, self.task, index) for index, party in enumerate(PARTIES)
        ]
        self._dealers: dict[tuple[int, str], LocalDealer] = {}
        self._dealing = threading.Lock()
        self._images, _ = mounted(folder / "sets" / mount, self.task)
        self.verifications = [self.verification(index) for index in (0, 1)]
        self.resharers = [self.resharer(index) for index in (0, 1)]
        self.nodes = {msp: self.node(msp) for msp in nodes}
        self._submit()

    def ledger(self, msp: str) -> Ledger:
        return Ledger(LedgerContract(self.demo, msp), msp, A if msp == DEALER else msp)

    def transactions(self, msp: str) -> Transactions:
        return Transactions(LedgerContract(self.demo, msp), [A, B], 2, msp)

    def run_of(self, msp: str, report: Report | None = None) -> TaskRun:
        """Return what the parts of an organisation's process have in common."""
        report = self.report if report is None else report
        return TaskRun(self.ledger(msp), self.transactions(msp), self.task, self.folder / msp, report, LoopControl())

    def verification(self, index: int) -> Verification:
        """Make a party's verifications with nothing but what is on the ledger and in its folder."""
        party = PARTIES[index]
        run = self.run_of(party, Report("party", party, as_json=True, stream=self.told))
        images = self._images if index == 0 else None
        return Verification(run, index, RigDealer(self, index), self.shares[index], images)

    def resharer(self, index: int) -> Resharer:
        party = PARTIES[index]
        return Resharer(
            self.ledger(party),
            self.task,
            index,
            self.summands[index],
            self._send(party),
            self.folder / party,
            self.report,
        )

    def node(self, msp: str) -> Node:
        """Make a node with nothing but what is on the ledger and in its folder."""
        index = PARTIES.index(msp) if msp in PARTIES else 1
        verification = self.verifications[index]
        images = PrivateImages(self.folder / "sets" / "set.safetensors", self.task) if msp == PARTIES[0] else None
        model = ModelPublisher(
            self.transactions(msp), self.task, verification.base, images, self.folder / msp, self.report
        )
        return Node(
            self.run_of(msp),
            self._send(msp),
            lambda round_number: self._salt(msp, round_number),
            lambda base: verification.base(base)[0],
            model.accuracy,
        )

    def restart(self, msp: str) -> None:
        self.nodes[msp] = self.node(msp)
        if msp in PARTIES:
            self.resharers[PARTIES.index(msp)] = self.resharer(PARTIES.index(msp))

    @property
    def status(self) -> RoundStatus:
        return self.ledger(A).status("demo", self.number)

    def verify(self, hospitals: Sequence[str] = HOSPITALS) -> None:
        """Have both parties verify these updates and attest; leave the others out."""
        self.demo.submit(A, "CloseSubmissions", "demo", self.number, "")
        for hospital in hospitals:
            transports = self._transports()
            with ThreadPoolExecutor(2) as pool:
                found = [
                    pool.submit(verification.verify, transport, self.status, hospital, 0.0)
                    for verification, transport in zip(self.verifications, transports, strict=True)
                ]
            for party, one in zip(PARTIES, found, strict=True):
                self.demo.submit(party, "AttestVerdict", "demo", self.number, hospital, one.result())
        self.demo.submit(
            A, "CloseVerdicts", "demo", self.number, "" if len(hospitals) == len(HOSPITALS) else "left out"
        )

    def judge(self) -> dict[str, Any]:
        """Have both parties judge the round by the rule ``direction`` and attest; return the round."""
        self.demo.submit(A, "CloseSubmissions", "demo", self.number, "")
        found = self.judged()
        for party, one in zip(PARTIES, found, strict=True):
            self.demo.submit(party, "AttestRound", "demo", self.number, one)
        ended: dict[str, Any] = self.demo.submit(A, "CloseVerdicts", "demo", self.number, "")
        return ended

    def judged(self) -> list[dict[str, Any]]:
        """Return what each party would attest; raises what the first one raised."""
        rule = parse_rule(self.task.rule)
        assert isinstance(rule, Direction)
        transports, status = self._transports(), self.status

        def party(index: int) -> dict[str, Any]:
            try:
                return verify_direction(
                    self.verifications[index], self.task, rule, transports[index], status, HOSPITALS, lambda: 0.0
                )
            finally:
                transports[index].close()

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(party, (0, 1)))

    def share(self) -> None:
        """Have both parties share their sums among the nodes they reach; raises what the first one raised."""
        transports = self._transports()
        with ThreadPoolExecutor(2) as pool:
            done = [
                pool.submit(self._shared, resharer, transport)
                for resharer, transport in zip(self.resharers, transports, strict=True)
            ]
        for one in done:
            one.result()

    def attest_masks(self) -> None:
        self.mask_attestor.step()

    def run(self) -> dict[str, Any]:
        """Step the nodes that are there until nothing changes; return what each attested."""
        for _ in range(4):
            for msp, node in self.nodes.items():
                if msp not in self.down:
                    node.step()
        return {msp: one.plain() for msp, one in self.status.aggregates.items()}

    def expected(self, accepted: Sequence[str] = HOSPITALS) -> str:
        """Return the hash of the model that plain aggregation makes of these updates."""
        round_ = self.status.round
        base = self.verifications[0].base(round_.base if round_ else "")[0]
        given = (round_.weights if round_ else None) or {}
        weights = {hospital: given.get(hospital, 1) for hospital in accepted}
        total = weighted(self.task, weights, self.updates.__getitem__)
        return model_name(self.task, next_packed(self.task, base, total, weights))

    def update(self, number: int) -> IntArray:
        """Return the update of the hospital of this number."""
        return parameters_of(self.demo.good_update(number))

    def next_round(self) -> None:
        """Open the next round, in which every hospital submits."""
        self.number += 1
        self._submit()

    def close(self) -> Any:
        return self.demo.submit(A, "CloseRound", "demo", self.number, "")

    def store(self, party: int = 0) -> None:
        """Have a party store the agreed model's chunks."""
        ModelPublisher(
            self.transactions(PARTIES[party]),
            self.task,
            self.verifications[party].base,
            None,
            self.folder / PARTIES[party],
            self.report,
        ).store(self.ledger(A).task("demo"), self.status, party, 100.0)

    def _submit(self) -> None:
        """Have every hospital commit to its masked update and hand it over."""
        self.demo.submit(A, "OpenRound", "demo", self.number)
        if self.task.has_root:
            self._bound(PARTIES[0], ROOT, self.root, "SubmitRoot")
        for number, hospital in enumerate(HOSPITALS):
            self.updates[hospital] = self.update(number)
            value = self._bound(hospital, hospital, self.updates[hospital], "SubmitUpdate")
            for party, store in zip(PARTIES, self.shares, strict=True):
                self._note(hospital, party, value)
                store.take("demo", self.number, hospital, value)

    def _bound(self, author: str, name: str, update: IntArray, function: str) -> bytes:
        """Have an author commit to its masked update; return what it hands over."""
        base = self.demo.base(self.number)
        mask = self.approval.mask(author, "demo", self.number, base, root=name == ROOT)
        assert mask.seeds is not None
        context = ShareContext("demo", self.number, name, base, self.task.layout)
        given = commit_update(context, PARTIES, update, mask.seeds, os.urandom(32))
        for seed in mask.seeds:
            self._note(DEALER, author, seed)
        hidden = {"masked": given.masked, "masks": dict(given.masks), "nonce": mask.nonce}
        self.demo.submit(author, function, "demo", self.number, {"base": base, "layout": self.task.layout, **hidden})
        if name == ROOT:
            self.shares[0].keep(self.number, ROOT, given.value)
        return given.value

    def _dealt(
        self, index: int, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing
    ) -> LocalMaterial:
        """Deal for one party; one mask for each update, as the dealer's own service keeps it."""
        with self._dealing:
            request = deal_request(self.task, index, spec, attempt, first, comparing)

            def deal(seeds: tuple[bytes, bytes], name: MaterialId, first: int, comparing: Comparing) -> Any:
                plan = request.plan.model_copy(update={"first_batch": first})
                return plan.deal(seeds, name, self.seeds.of(spec.name), self.seeds.of)

            dealer = self._dealers.setdefault((spec.name.round, spec.name.hospital), LocalDealer(spec, deal))
            self.approval.check(request)
            dealer.mask_seeds = self.seeds.of(spec.name)
        material = dealer.material(index, attempt, first, comparing)
        self._note(DEALER, PARTIES[index], material.seed)
        self._note(DEALER, PARTIES[index], material.mask_seed)
        receive = material.receive

        def noted() -> Any:
            name, message = receive()
            self._note(DEALER, PARTIES[index], bytes(message))
            return name, message

        material.receive = noted
        return material

    def _transports(self) -> tuple[InProcess, InProcess]:
        transports = in_process()
        for index, transport in enumerate(transports):
            transport.receive = self._noted(transport.receive, index)
        return transports

    def _noted(self, receive: Callable[[], bytes], index: int) -> Callable[[], bytes]:
        def noted() -> bytes:
            answer = receive()
            self._note(PARTIES[1 - index], PARTIES[index], answer)
            return answer

        return noted

    def _note(self, sender: str, receiver: str, value: bytes) -> None:
        self.heard[receiver].append((sender, value))

    def _send(self, sender: str) -> Callable[[str, Delivery, Sequence[bytes]], None]:
        def send(node: str, header: Delivery, messages: Sequence[bytes]) -> None:
            if node in self.down:
                raise ProtocolError(f"{node} cannot be reached")
            bent = self.bend(sender, node, header, list(messages))
            for message in bent:
                self._note(sender, node, message)
            self.nodes[node].take(sender, header.model_copy(update={"messages": len(bent)}), bent)

        return send

    def _salt(self, node: str, round_number: int) -> bytes:
        if DEALER in self.down:
            raise ProtocolError(f"{DEALER} cannot be reached")
        salt = self.mask_attestor.salt(node, "demo", round_number)
        self._note(DEALER, node, salt)
        return salt

    def _shared(self, resharer: Resharer, transport: InProcess) -> None:
        try:
            resharer.share(transport, self.status)
        finally:
            transport.close()


Make = Callable[..., Rig]
"""Given the nodes (the two parties by default) and changes of the task; return a rig."""


def aggregating(make: Make, *nodes: str) -> Rig:
    """Return a rig whose updates are verified."""
    rig = make(*nodes)
    rig.verify()
    return rig
