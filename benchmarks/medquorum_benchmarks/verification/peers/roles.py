# SPDX-License-Identifier: Apache-2.0
"""Dealer, P0 and P1 as three processes over loopback with mutual TLS: a verification by the services that serve.

``python -m medquorum_benchmarks.verification.peers.roles`` reads its part as one line of JSON and answers in
lines of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import structlog
import torch

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.opening.interleave import pairs
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.identifier import MODEL_BATCH, MaterialId
from medquorum.verifier.randomness.parts import GateMessage
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.service.dealing.material import Material
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.dealing.server import Dealings
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyConnection, PartyListener, connect_party
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.update_masks import UpdateMask, UpdateMasks
from medquorum.verifier.session.evaluation import Evaluation
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_benchmarks.verification.peers.process import bytes_received, peak_bytes

__all__ = ["DEALER", "HOSPITAL", "PARTIES", "TASK", "send_json", "take_part"]

PARTIES = ("P0MSP", "P1MSP")
DEALER = "DealerMSP"
HOSPITAL = "HospitalMSP"
TASK = "benchmark"
_WAIT = 120.0
_MASK_SEEDS = b"0" * 32, b"1" * 32
"""The hospital's update is handed over under this mask before the clock starts."""


class _Stock:
    """The dealer's messages: one after the other as they come, or all of them in advance."""

    def __init__(self, material: Material, asked: float) -> None:
        self._material = material
        self._waiting: deque[tuple[MaterialId, GateMessage]] = deque()
        self._asked = asked

    def receive(self) -> tuple[MaterialId, GateMessage]:
        """Return the next message."""
        return self._waiting.popleft() if self._waiting else self._material.receive()

    def fill(self) -> list[float]:
        """Take everything; return the seconds the dealer and its line took for the model and for each two batches."""
        marks = [self._asked]
        pair, last = MODEL_BATCH, self._asked
        while True:
            name, message = self._material.receive()
            self._waiting.append((name, message))
            if name.batch // 2 != pair:
                marks.append(last)
                pair = name.batch // 2
            last = perf_counter()
            if name.gate == "decision":
                with suppress(ProtocolError):
                    self._material.receive()  # the line's end: its bytes would count as long as it is open
                return [after - before for before, after in pairwise(marks)]


class _Costs:
    """Seconds, bytes and rounds of the model and of each two batches, between two meetings with the other party."""

    def __init__(self, connection: PartyConnection, supply: Supply) -> None:
        self._connection = connection
        self._supply = supply
        self.rows: list[dict[str, float]] = []

    def start(self) -> None:
        self._connection.exchange(b"")
        self._before = (
            bytes_received(),
            self._supply.bytes_received,
            self._connection.rounds,
            perf_counter(),
            process_time(),
        )

    def stop(self) -> None:
        seconds = perf_counter() - self._before[3]
        processor = process_time() - self._before[4]
        rounds = self._connection.rounds - self._before[2]
        self._connection.exchange(b"")  # what the other party sent has arrived
        self.rows.append(
            {
                "seconds": seconds,
                "processor": processor,
                "received": bytes_received() - self._before[0],
                "material": self._supply.bytes_received - self._before[1],
                "rounds": rounds,
            }
        )


def _play(
    index: int,
    connection: PartyConnection,
    stock: _Stock,
    material: Material,
    request: DealRequest,
    part: dict[str, Any],
) -> Any:
    """Be a party from the model to the verdict."""
    network = Network(part["model"])
    plan = request.plan.plan()
    flat = network.flat()
    masked = MaskedUpdate(flat + update_mask(_MASK_SEEDS, request.name, flat.shape[0]))
    dealt = stock.fill() if part["ahead"] else []
    images, labels = network.images(request.plan.images)
    supply = Supply(index, material.seed, stock.receive, mask_seed=material.mask_seed)
    logits: list[IntArray] = []
    steps = plan.subjects[0].program.steps
    last = f"{plan.subjects[0].key}/{len(steps) - 1}/{steps[-1].name}"

    def trace(name: str, values: IntArray) -> None:
        if name == last:
            logits.append(values.reshape(values.shape[0], -1))

    side = Evaluation(
        Party(index, connection),
        supply,
        request.name,
        plan,
        request.plan.back_end(request.name),
        trace,
    )
    costs = _Costs(connection, supply)
    costs.start()
    fails = side.model(network.base, masked)
    costs.stop()
    secret = (images, labels) if index == 0 else None
    for pair in pairs(request.plan.batches()):
        costs.start()
        side.batches(pair, secret, lambda number, counts: None)
        costs.stop()
    side.decide(np.zeros(0, dtype=np.int64), None, fails)
    return {"costs": costs.rows, "dealt": dealt, "logits": np.concatenate(logits).tolist()}


def _party(index: int, own: Credentials, part: dict[str, Any], start: int) -> None:
    document = PlanDocument.parse(part["plan"])
    updates = ((HOSPITAL, "0" * 64),)
    request = DealRequest(task=TASK, round=1, hospital=HOSPITAL, updates=updates, attempt=1, party=index, plan=document)
    host = f"{part['host']}:0"
    with Lines(own, host) as lines, Server(own, host, [listener := PartyListener(lines)]) as server:
        send_json({"address": server.address})
        with closing(
            listener.accept(TASK, PARTIES[1], _WAIT)
            if index == 0
            else connect_party(own, part["line"], PARTIES[0], TASK, _WAIT)
        ) as connection:
            asked = perf_counter()
            with closing(Material.take(own, part["dealer"], DEALER, request)) as material:
                report = _play(index, connection, _Stock(material, asked), material, request, part)
            send_json({**report, "whole": perf_counter() - asked, "peak": peak_bytes(), "start": start})


def _dealer(own: Credentials, part: dict[str, Any], start: int) -> None:
    host = f"{part['host']}:0"
    with tempfile.TemporaryDirectory() as folder, Lines(own, host) as lines:
        dealings = Dealings(Path(folder) / "dealt", lines, lambda request: None, lambda name: _MASK_SEEDS)
        masks = UpdateMasks(lambda *_: UpdateMask("0" * 64, _MASK_SEEDS))
        with Server(own, host, [dealings, masks]) as server:
            send_json({"address": server.address})
            sys.stdin.readline()
            send_json({"peak": peak_bytes(), "start": start})


def send_json(document: dict[str, Any]) -> None:
    """Answer with one line."""
    print(json.dumps(document), flush=True)


def take_part() -> tuple[dict[str, Any], Credentials]:
    """Read the first line: the process' part, and the certificate it has in it."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    torch.set_num_threads(1)
    part: dict[str, Any] = json.loads(sys.stdin.readline())
    certificate, key = (text.encode() for text in part["own"])
    authorities = {msp: [root.encode()] for msp, root in part["authorities"].items()}
    return part, Credentials(certificate, key, authorities)


def main() -> None:
    """Be the role that the first line of standard input names."""
    start = peak_bytes()
    part, own = take_part()
    if part["role"] == DEALER:
        _dealer(own, part, start)
    else:
        _party(PARTIES.index(part["role"]), own, part, start)


if __name__ == "__main__":
    main()
