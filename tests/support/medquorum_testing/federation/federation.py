# SPDX-License-Identifier: Apache-2.0
"""A whole federation for fault tests: a task on a running network, and the processes of its hospitals and verifiers.

The coordinator runs inside the test, so that a test says how far a round goes: ``opened()``, ``reach("verifying")``.
It takes a plain round's steps one by one; ``concluded()`` is the end of one in a single transaction.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.coordinator.agent import Coordinator
from medquorum.clients.coordinator.conclusion import Conclusion
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.outbox import Outbox
from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl, reconcile
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.session import task_folder
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.round import Round
from medquorum.core.documents.update import private_value
from medquorum.gateway import Network, Submissions, Transaction, connect_profile
from medquorum.network.deployment.chaincodes import await_listening, deployments
from medquorum.network.supervision.control import supervise
from medquorum.network.supervision.processes import Process, Record, processes, records
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation_task import (
    COORDINATOR,
    STANDBY,
    create_task,
    deal_digits,
    encrypted_fields,
    found_consortium,
)
from medquorum_testing.federation.role_process import RoleProcess
from medquorum_testing.network.networks import RunningNetwork
from medquorum_testing.places import CHAINCODES

PATIENT = Deadlines(120, 120, 120)
LABEL = "medquorum_1.0"
EPOCHS = "100"
"""A training of half a second: long enough to be killed in."""
TAMPERED = CHAINCODES / "tampered_chaincode.py"


class StepByStep(Conclusion):
    """No round is concluded in one transaction, as where verifiers differ: every state of it can be reached."""

    def given_up(self, round_number: int) -> bool:
        return True


class Federation:
    """A task whose rule accepts every update in range, so that only faults decide what becomes of it.

    An encrypted one is verified by the consortium's two verifiers, P0 and the witness, with its dealer. ``changes`` are
    of the task's fields, placement and comparison. ``model`` is a description and first parameters of the task's own.
    """

    def __init__(
        self,
        running: RunningNetwork,
        folder: Path,
        name: str,
        *,
        encrypted: bool = False,
        model: tuple[dict[str, Any], bytes] | None = None,
        **changes: Any,
    ) -> None:
        self.running = running
        self.folder = folder
        self.name = name
        self.verifiers = [one.name for one in running.consortium.having("verifier")]
        self.hospitals = [one.name for one in running.consortium.having("hospital")]
        self.dealers = [one.name for one in running.consortium.having("dealer")] if encrypted else []
        self.nodes = {f"{self.hospitals[0]}Node": self.hospitals[0]} if encrypted else {}
        self.roles: dict[str, RoleProcess] = {}
        self._connections = ExitStack()
        self._outboxes: dict[tuple[str, str], Outbox] = {}
        self._networks: dict[tuple[str, str], Network] = {}
        self._coordinators: dict[Deadlines, Coordinator] = {}
        running.deploy("medquorum", None)
        running.await_acquaintance("medquorum")
        images = self._images()
        for verifier in self.verifiers:
            images.write(self.mounted(verifier))
        found_consortium(running.consortium, self.transactions("VerifierA", "Admin"))
        settings = {name: changes.pop(name) for name in ("placement", "comparison") if name in changes}
        more = encrypted_fields(running.consortium, **settings) if encrypted else {"minimum_accepted": 2}
        create_task(
            name,
            images,
            self.ledger(COORDINATOR),
            self.transactions(COORDINATOR),
            self.msp(STANDBY),
            more | changes,
            model=model,
        )
        self.task = self.ledger().task(name)
        for role in self.everyone:
            self.start(role)
        for node in self.nodes:
            self.start_node(node)

    def _images(self) -> VerificationSet:
        """Write what hospitals train on; return the verification set."""
        return deal_digits(self.folder, self.hospitals)

    @property
    def everyone(self) -> list[str]:
        """The organisations that have a process, dealers first: without one, parties wait."""
        return [*self.dealers, *self.verifiers, *self.hospitals]

    @property
    def aggregators(self) -> list[str]:
        """The MSP ids of the aggregation nodes."""
        return self.task.encrypted.aggregators if self.task.encrypted is not None else []

    def msp(self, name: str) -> str:
        return self.running.consortium.organisation(name).msp_id

    def outbox(self, name: str, user: str = "User1") -> Outbox:
        """Connect as a user of an organisation to its own peer."""
        if (name, user) not in self._outboxes:
            gateway = self._connections.enter_context(
                connect_profile(self.running.profile(name), user, evaluate_timeout=60, endorse_timeout=60)
            )
            network = self._networks[name, user] = gateway.get_network("mychannel")
            submissions = Submissions(gateway, self.folder / "test" / name / user)
            self._outboxes[name, user] = Outbox(network.get_contract("medquorum"), submissions)
        return self._outboxes[name, user]

    def network(self, name: str, user: str = "User1") -> Network:
        """Return the channel through an organisation's own peer."""
        self.outbox(name, user)
        return self._networks[name, user]

    def endorsed(
        self, by: str, function: str, *arguments: str, endorsers: Sequence[str], **transient: bytes
    ) -> Transaction:
        """Have a transaction of the task endorsed, and not sent yet."""
        proposal = (
            self.network(by)
            .get_contract("medquorum")
            .new_proposal(
                function,
                arguments=[self.name, *arguments],
                transient=transient,
                endorsing_organizations=[self.msp(one) for one in endorsers],
            )
        )
        return proposal.endorse()

    def ledger(self, name: str = "VerifierA") -> Ledger:
        one = self.running.consortium.organisation(name)
        return Ledger(self.outbox(name), one.msp_id, None if one.peer else self.msp(self.verifiers[0]))

    def transactions(self, name: str, user: str = "User1") -> Transactions:
        verifiers = [self.msp(one) for one in self.verifiers]
        return Transactions(self.outbox(name, user), verifiers, self.running.consortium.quorum, self.msp(name))

    def start(self, role: str, *more: str, kind: str = "", name: str = "") -> RoleProcess:
        """Start an organisation's process: by default what it is in this task, as an honest one."""
        kind = kind or self._kind(role)
        command = [kind, "run", "--task", self.name]
        command += ["--profile", str(self.running.profile(role)), "--state-dir", str(self.state(name or role))]
        if kind == "verifier":
            command += ["--takeover", "2"]
        if kind in ("hospital", "adversary"):
            command += ["--data", str(self.folder / f"{role}.npz"), "--epochs", EPOCHS]
        process = self.roles.setdefault(name or role, RoleProcess(name or role, self.folder / f"{name or role}.log"))
        process.start([*command, *more])
        return process

    def start_node(self, node: str) -> RoleProcess:
        """Start the process of an aggregation node that is no party."""
        return self.start(self.nodes[node], kind="aggregator", name=node)

    def reach_a_random_moment(self) -> None:
        """Act as the coordinator up to some state, then let the others work for up to a second; says what it drew."""
        draw = random.SystemRandom()
        state, seconds = draw.choice(["open", "verifying", "aggregating"]), draw.uniform(0, 1)
        print(f"stopped {seconds:.3f} s after {state}")
        self.reach(state)
        time.sleep(seconds)  # no condition to await: a moment

    def restart(self, *, without_state: Sequence[str] = ()) -> None:
        """Kill every process, restart the network, start all again; some ``without_state``, from the ledger alone."""
        for process in self.roles.values():
            process.kill()
        self.running.network.restart()
        for role in without_state:
            shutil.rmtree(self.state(role))
        for role in self.everyone:
            self.start(role)
        for node in self.nodes:
            self.start_node(node)

    def _kind(self, role: str) -> str:
        if role in self.hospitals:
            return "hospital"
        if role in self.dealers:
            return "dealer"
        return "witness" if self.dealers and role == self.verifiers[1] else "verifier"

    def state(self, role: str) -> Path:
        return self.folder / "state" / role

    def task_folder(self, role: str) -> Path:
        return task_folder(self.state(role), self.name)

    def status(self, number: int | None = None, at: str = "VerifierA") -> RoundStatus:
        found = (
            self.ledger(at).current_status(self.name) if number is None else self.ledger(at).status(self.name, number)
        )
        assert found is not None
        return found

    @property
    def current(self) -> Round:
        """The latest round."""
        current = self.ledger().current_round(self.name)
        assert current is not None
        return current

    def opened(self) -> int:
        """Open the next round; return its number."""
        self.reach("open")
        return self.current.round

    def reach(self, state: str, deadlines: Deadlines = PATIENT, seconds: float = 200) -> Round:
        """Act as the coordinator until the round is in a state."""
        if deadlines not in self._coordinators:
            self._coordinators[deadlines] = self._coordinator(StepByStep, deadlines)
        self._coordinate(self._coordinators[deadlines], lambda current: current.state == state, seconds)
        return self.current

    def concluded(self, seconds: float = 200) -> Round:
        """Let the round end in one transaction, which opens the next one; return it."""
        number = self.current.round
        one = self._coordinator(Conclusion, PATIENT)
        self._coordinate(one, lambda current: current.round > number or ended(current), seconds)
        return self.ledger().round(self.name, number)

    def _coordinator(self, kind: type[Conclusion], deadlines: Deadlines) -> Coordinator:
        ledger, transactions = self.ledger(COORDINATOR), self.transactions(COORDINATOR)
        quiet = Report("coordinator", "", as_json=True, stream=io.StringIO())
        conclusion = kind(ledger, transactions, deadlines.verdict)
        return Coordinator(ledger, transactions, self.task, deadlines, quiet, conclusion, LoopControl())

    def _coordinate(self, coordinator: Coordinator, reached: Callable[[Round], bool], seconds: float) -> None:
        limit = time.monotonic() + seconds

        def step() -> float | None:
            self.outbox(COORDINATOR).recover()
            current = self.ledger().current_round(self.name)
            if current is not None and reached(current):
                return None
            assert time.monotonic() < limit, f"not there in {seconds} s: {current}"
            waits = coordinator.step()
            return None if waits is None else min(waits, 0.05)

        reconcile(step, LoopControl())

    def reach_everywhere(self, state: str) -> None:
        """Reach a state, also at the peers that endorse the next transaction."""
        self.reach(state)
        for verifier in self.verifiers:
            await_true(lambda at=verifier: _state(self.status(at=at)) == state, 30, f"{verifier}'s peer: not {state}")

    def finished(self) -> Round:
        """Let the round end."""
        return self.reach("closed")

    def settle(self) -> None:
        """Leave nothing of an earlier test, a failed one neither: every role runs, no coordinator, no round is open."""
        for name, process in self.roles.items():
            if process.running and name not in (*self.everyone, *self.nodes):
                process.kill()
        for role in self.everyone:
            if self.roles[role].running:
                self.roles[role].thaw()
            else:
                self.start(role)
        for node in self.nodes:
            if not self.roles[node].running:
                self.start_node(node)
        current = self.ledger().current_round(self.name)
        if current is not None and not ended(current):
            self.transactions(COORDINATOR).submit("AbortRound", self.name, current.round, "the test before failed")

    def versions(self, kind: str, *attributes: str | int) -> list[Any]:
        """Every version a key ever had, oldest first."""
        keys = json.dumps([self.name, *attributes])
        found = self.ledger().value("ReadHistory", kind, keys)
        return [version["document"] for version in reversed(found)]

    def uploaded(self, hospital: str, number: int) -> list[str]:
        """The hashes of the update a hospital keeps on its own disk."""
        record = self.task_folder(hospital) / "updates" / f"{number:06d}" / "update.json"
        return [str(chunk) for chunk in json.loads(record.read_text())["chunks"]]

    def update(self, packed: bytes) -> tuple[dict[str, Any], bytes]:
        """Return any parameters of the right number as an update of the current round, and its private value."""
        value = private_value(os.urandom(32), packed)
        document = {
            "base": self.current.base,
            "layout": self.task.layout,
            "chunks": [hashlib.sha256(value).hexdigest()],
        }
        return document, value

    def submit_raw(self, hospital: str, number: int, packed: bytes) -> None:
        """Submit any parameters of the right number as a hospital's update."""
        document, value = self.update(packed)
        writing = self.transactions(hospital)
        writing.submit("PutUpdateChunk", self.name, number, 0, chunk=value)
        writing.submit("SubmitUpdate", self.name, number, document)

    def node(self, name: str, kind: str = "peer") -> str:
        """The name of an organisation's peer or chaincode process (``orderer``: an orderer organisation's node)."""
        consortium = self.running.consortium
        if kind == "orderer":
            return next(one.node for one in consortium.orderers if one.name == name)
        one = consortium.organisation(name)
        return one.node if kind == "peer" else f"{LABEL}.{one.domain}"

    def kill_node(self, name: str) -> float:
        """Kill a process of the network; return the seconds until its supervisor has started it again."""
        before = self.record(name)
        os.kill(before.pid, signal.SIGKILL)
        start = time.monotonic()
        await_true(lambda: self.record(name).pid not in (0, before.pid), 15, f"{name} is not started again")
        assert self.record(name).restarts == before.restarts + 1
        return time.monotonic() - start

    def record(self, name: str) -> Record:
        return records(self.running.folder)[name]

    @contextmanager
    def tampered(self, names: Iterable[str], *ways: str) -> Iterator[None]:
        """Have organisations run another chaincode than the agreed one (``tampered_chaincode``)."""
        wanted = {self.node(name, "chaincode") for name in names}
        honest = [one for one in processes(self.running.folder) if one.name in wanted]
        self._run_chaincode([replace(one, command=[sys.executable, str(TAMPERED), *ways]) for one in honest])
        try:
            yield
        finally:
            self._run_chaincode(honest)

    def mounted(self, verifier: str) -> Path:
        """A verifier's verification file of this task."""
        one = self.running.consortium.organisation(verifier)
        folder = self.running.folder.verification(one)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.name}.safetensors"

    def close(self) -> None:
        for process in self.roles.values():
            if process.running:
                process.kill()
        self._connections.close()

    def _run_chaincode(self, wanted: list[Process]) -> None:
        for one in wanted:
            one.save(self.running.folder)
        supervise(self.running.folder)
        deployed = deployments(self.running.folder)["medquorum"]
        await_listening(self.running.consortium.members, deployed, self.running.folder)


def _state(status: RoundStatus) -> str:
    return "" if status.round is None else status.round.state


@contextmanager
def federation(
    running: RunningNetwork, folder: Path, name: str, *, encrypted: bool = False, **changes: Any
) -> Iterator[Federation]:
    """Run a federation for as long as the context lasts."""
    with ExitStack() as stack:
        made = Federation(running, folder, name, encrypted=encrypted, **changes)
        stack.callback(made.close)
        yield made
