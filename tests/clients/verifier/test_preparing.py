# SPDX-License-Identifier: Apache-2.0
"""A verifier's client asks its chaincode again and again; the pauses are the client's, never the chaincode's."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

from medquorum.chaincode.jobs import MOST_THREADS, DataRequest, LruCache, Steps
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.verifier.agent import Verifier
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.small_federation import Federation


class Counted(LoopControl):
    """Notes the pauses instead of making them; after twelve of them ``then`` is called."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._then = then

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == 12:
            self._then()


def test_pauses_grow_with_the_time_so_far(federate: Callable[..., Federation]) -> None:
    federation = federate(rounds=1, hospitals=[HOSPITALS[0]])
    for verifier in (A, B):
        del federation.agents[verifier]
    while not federation.ledger(A).status("demo", 1).updates:
        for agent in federation.agents.values():
            agent.step()
    gate = threading.Event()

    def other() -> Steps[int]:
        gate.wait(60)
        return 0
        yield DataRequest("update", "")  # never asked for

    for number in range(MOST_THREADS):  # every thread is busy
        runner = federation.consortium.nodes[A].job_runner
        runner.advance(LruCache(1), number, lambda: (other(), 1), lambda _: b"", timeout=0.01)
    control = Counted(gate.set)
    report = Report("verifier", A, as_json=True, stream=io.StringIO())
    writing = federation.transactions(A)
    agent = Verifier(federation.ledger(A), writing, federation.task, report, control, takeover=5)
    assert agent.step() is not None
    assert control.pauses[:3] == [0.05, 0.0625, 0.078125]
    assert control.pauses[11:] == [0.5] * len(control.pauses[11:])


def test_a_chaincode_that_has_forgotten_computes_again_and_the_round_is_concluded(
    federate: Callable[..., Federation],
) -> None:
    federation = federate(rounds=1)
    federation.agents["coordinator"].step()
    for name in (*HOSPITALS, A, B):
        federation.agents[name].step()
    assert federation.ledger(B).value("PrepareConclusion", "demo", "1")["state"] == "ready"
    federation.consortium.restart(B)
    federation.run()
    assert federation.ledger(A).status("demo", 1).conclusion is not None
    written = [call for contract in federation.contracts.values() for call in contract.submitted]
    assert not any(call.startswith(("VerifyUpdate", "CloseSubmissions")) for call in written)
