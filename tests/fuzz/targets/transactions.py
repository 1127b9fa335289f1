# SPDX-License-Identifier: Apache-2.0
"""Every transaction of the contract, plain, with a root update and encrypted; arguments bent, nothing committed."""

import json
from typing import Any

from medquorum_testing.fuzzing.runner import scratch_file
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium
from medquorum_testing.ledger.memory_stub import MemoryLedger, MemoryStub, creator

SENT: list[dict[str, Any]] = []


def recorded(consortium: Consortium, number: int, **task: Any) -> Consortium:
    """Play a round, and begin the next; note all that is sent."""
    simulate = MemoryLedger.simulate

    def noted(self: MemoryLedger, peer: str, sender: bytes, function: str, *args: str, transient: Any = None) -> Any:
        if sender not in SENDERS:
            SENDERS.append(sender)
        given = {key: value.hex() for key, value in (transient or {}).items()}
        by = SENDERS.index(sender)
        SENT.append({"ledger": number, "peer": peer, "by": by, "function": function, "args": args, "with": given})
        return simulate(self, peer, sender, function, *args, transient=transient or {})

    MemoryLedger.simulate = noted  # type: ignore[method-assign]
    try:
        consortium.begin(**task)
        if task:
            consortium.submit(A, "OpenRound", "demo", 1)
            consortium.submit_root(A, consortium.good_update(8))
            consortium.attest_root(B)
            consortium.submit(A, "AbortRound", "demo", 1, "no update")
        else:
            consortium.play(1, {hospital: consortium.good_update(seed) for seed, hospital in enumerate(HOSPITALS)})
        consortium.submit(A, "OpenRound", "demo", 2)
        if task:
            consortium.submit_root(B, consortium.good_update(8), 2)
            consortium.ledger.evaluate(A, creator(A), "ReadRootChunk", "demo", "2", "0")
        consortium.hand_in(HOSPITALS[0], consortium.good_update(9), 2)
    finally:
        MemoryLedger.simulate = simulate  # type: ignore[method-assign]
    return consortium


SENDERS = [creator("StrangerMSP", "admin")]
FOLDER = scratch_file("sets")
DIRECTION = {"rule": {"name": "direction"}, "model_tolerance": 1000}
MADE: list[tuple[Consortium, dict[str, Any]]] = [
    (Consortium(FOLDER / "plain"), {}),
    (EncryptedConsortium(FOLDER / "encrypted"), {}),
    (Consortium(FOLDER / "rooted"), DIRECTION),
]
LEDGERS = [recorded(consortium, number, **task).ledger for number, (consortium, task) in enumerate(MADE)]
SEEDS = list(dict.fromkeys(json.dumps(one).encode() for one in SENT if not one["function"].startswith("Prepare")))


def run(data: bytes) -> None:
    try:
        one = json.loads(data)
        ledger = LEDGERS[one["ledger"] % len(LEDGERS)]
        sender = SENDERS[one["by"] % len(SENDERS)]
        organisation = ledger.organisations[one["peer"]]
        arguments = [str(value).encode(errors="surrogatepass") for value in one["args"]]
        transient = {str(key): bytes.fromhex(value) for key, value in one["with"].items()}
        function = str(one["function"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # not even a call
    if not function.startswith("Prepare"):  # it begins work in the background
        name = function.encode(errors="replace")
        organisation.chaincode.invoke(MemoryStub(ledger, one["peer"], sender, [name, *arguments], transient))
