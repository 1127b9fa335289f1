# SPDX-License-Identifier: Apache-2.0
"""A task on a running network whose rounds a test plays itself, without a process of any role."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.ledger.outbox import Outbox
from medquorum.clients.ledger.transactions import Transactions
from medquorum.core import model as modelformat
from medquorum.core.documents.update import private_value
from medquorum.errors import ContractError
from medquorum.gateway import Network, Submissions, connect_profile
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation_task import (
    COORDINATOR,
    HIDDEN,
    STANDBY,
    create_task,
    deal_digits,
    found_consortium,
)
from medquorum_testing.network.networks import RunningNetwork

VERIFIER = "VerifierA"
HOSPITAL = "Hospital1"
BEHIND = {"ROUND_ORDER", "ROUND_STATE", "ROUND_CLOSED", "SUBMISSIONS_PENDING", "VERDICTS_PENDING", "NO_MAJORITY"}


class LedgerRounds:
    """A task that accepts every update in range; fields of ``more`` change it."""

    def __init__(self, running: RunningNetwork, folder: Path, name: str, *, hidden: int = HIDDEN, **more: Any) -> None:
        self.running = running
        self.folder = folder
        self.name = name
        self._connections = ExitStack()
        self._networks: dict[str, Network] = {}
        running.deploy("medquorum", None)
        running.await_acquaintance("medquorum")
        self.verifiers = running.consortium.having("verifier")
        self.images = deal_digits(folder, [HOSPITAL])
        for one in self.verifiers:
            mounted = running.folder.verification(one)
            mounted.mkdir(parents=True, exist_ok=True)
            self.images.write(mounted / f"{name}.safetensors")
        self._outboxes: dict[tuple[str, str], Outbox] = {}
        found_consortium(running.consortium, self.transactions(VERIFIER, "Admin"))
        standby = running.consortium.organisation(STANDBY).msp_id
        create_task(name, self.images, self.ledger(COORDINATOR), self.transactions(COORDINATOR), standby, more, hidden)
        self.task = self.ledger(COORDINATOR).task(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connections.close()

    def network(self, name: str, user: str = "User1") -> Network:
        """The channel through an organisation's own peer."""
        self.outbox(name, user)
        return self._networks[f"{user}@{name}"]

    def outbox(self, name: str, user: str = "User1") -> Outbox:
        if (name, user) not in self._outboxes:
            gateway = self._connections.enter_context(
                connect_profile(self.running.profile(name), user, evaluate_timeout=60, endorse_timeout=60)
            )
            network = self._networks[f"{user}@{name}"] = gateway.get_network("mychannel")
            submissions = Submissions(gateway, self.folder / "test" / name / user)
            self._outboxes[name, user] = Outbox(network.get_contract("medquorum"), submissions)
        return self._outboxes[name, user]

    def ledger(self, name: str) -> Ledger:
        one = self.running.consortium.organisation(name)
        return Ledger(self.outbox(name), one.msp_id, None if one.peer else self.verifiers[0].msp_id)

    def transactions(self, name: str, user: str = "User1") -> Transactions:
        verifiers = [one.msp_id for one in self.verifiers]
        msp_id = self.running.consortium.organisation(name).msp_id
        return Transactions(self.outbox(name, user), verifiers, self.running.consortium.quorum, msp_id)

    def submit(self, by: str, name: str, *arguments: Any, **transient: bytes) -> Any:
        """Submit a transaction of the task as an organisation's user, also where an endorser's peer lags behind."""
        behind = retry_if_exception(lambda error: isinstance(error, ContractError) and error.code in BEHIND)
        attempts = Retrying(retry=behind, wait=wait_fixed(0.1), stop=stop_after_delay(10), reraise=True)
        return json.loads(attempts(self.transactions(by).submit, name, self.name, *arguments, **transient))

    def play(self, number: int, frozen: int = 0) -> str:
        """Play a round step by step with one hospital's update, w plus noise after ``frozen`` parameters.

        Returns the new model's hash.
        """
        self.hand_in(number, *self._noisy(number, self.open(number), frozen))
        self.judge(number)
        self.submit(COORDINATOR, "CloseVerdicts", number, "")
        for one in self.verifiers:
            found = self._prepared(one.name, "PrepareAggregate", number)
            result = {field: found[field] for field in ("model", "worse", "counts")}
            self.submit(one.name, "AttestAggregate", number, result)
        for index in range(len(self.task.chunk_sizes)):
            self.submit(VERIFIER, "StoreModelChunk", number, index)
        return str(self.submit(COORDINATOR, "CloseRound", number, "")["model"])

    def conclude(self, number: int) -> str:
        """Play a round of one hospital and a model of one chunk as its processes do; return the new model's hash."""
        if number == 1:
            self.submit(COORDINATOR, "OpenRound", number)
        base = self.ledger(COORDINATOR).round(self.name, number).base
        update, values = self._noisy(number, base)
        self.submit(HOSPITAL, "SubmitUpdate", number, update, chunk0=values[0])
        for one in self.verifiers:
            self._prepared(one.name, "PrepareConclusion", number)
        return str(self.submit(COORDINATOR, "ConcludeRound", number)["model"])

    def _noisy(self, number: int, base: str, frozen: int = 0) -> tuple[dict[str, Any], list[bytes]]:
        """Return an update, once the hospital's peer has its base, and the private values of its chunks."""
        noise = np.random.default_rng([number, *self.name.encode()]).integers(-99, 100, self.task.length // 4, np.int32)
        noise[:frozen] = 0
        self.await_stored(HOSPITAL, base)
        packed = np.frombuffer(fetch_model(self.ledger(HOSPITAL), self.task, base), "<i4") + noise
        return self.update(base, packed.astype("<i4").tobytes())

    def open(self, number: int) -> str:
        """Open a round; return the hash of its base."""
        return str(self.submit(COORDINATOR, "OpenRound", number)["base"])

    def update(self, base: str, packed: bytes) -> tuple[dict[str, Any], list[bytes]]:
        """Return the bytes of a model as an update, and the private values of its chunks."""
        values = [private_value(os.urandom(32), one) for one in modelformat.split(packed)]
        hashes = [hashlib.sha256(value).hexdigest() for value in values]
        return {"base": base, "layout": self.task.layout, "chunks": hashes}, values

    def hand_in(self, number: int, update: dict[str, Any], values: list[bytes]) -> None:
        """Submit an update as the hospital, chunk by chunk."""
        for index, value in enumerate(values):
            self.submit(HOSPITAL, "PutUpdateChunk", number, index, chunk=value)
        self.submit(HOSPITAL, "SubmitUpdate", number, update)

    def judge(self, number: int) -> None:
        """Close the submissions and have the verifiers judge the hospital's update."""
        hospital = self.running.consortium.organisation(HOSPITAL).msp_id
        self.submit(COORDINATOR, "CloseSubmissions", number, "")
        for one in self.verifiers:
            self._prepared(one.name, "PrepareVerdict", number, hospital)
        self.submit(VERIFIER, "VerifyUpdate", number, hospital)

    def await_stored(self, name: str, model: str) -> None:
        """Wait until an organisation's own peer has a model, its private bytes too."""
        ledger = self.ledger(name)

        def is_there() -> bool:
            try:
                return all(ledger.model_chunk(model, i) for i in range(len(ledger.manifest(model).chunks)))
            except ContractError as error:
                if not error.code.endswith("_MISSING"):
                    raise
                return False

        await_true(is_there, 20, f"{name} lacks the model {model}")

    def _prepared(self, name: str, function: str, number: int, *arguments: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer: dict[str, Any] = self.ledger(name).value(function, self.name, str(number), *arguments)
            except ContractError as error:
                if error.code not in BEHIND | {"DATA_MISSING"}:
                    raise
                continue
            if answer["state"] == "ready":
                return answer
        raise TimeoutError(function)
