# SPDX-License-Identifier: Apache-2.0
"""A peer's answer with all of a round, a root update and its attestations among it."""

from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core import canonical
from medquorum_testing.fuzzing.runner import scratch_file
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium


def answers() -> list[bytes]:
    """Return what a verifier's peer answers as a round goes on."""
    consortium = Consortium(scratch_file("round") / "rooted")
    consortium.begin(rule={"name": "direction"}, model_tolerance=1000)
    consortium.submit(A, "OpenRound", "demo", 1)
    steps = (
        lambda: consortium.submit_root(A, consortium.good_update(8)),
        lambda: consortium.attest_root(B),
        lambda: [consortium.hand_in(hospital, consortium.good_update(1 + n)) for n, hospital in enumerate(HOSPITALS)],
        lambda: consortium.submit(A, "CloseSubmissions", "demo", 1, ""),
        lambda: consortium.verify_round(1),
    )
    seen = []
    for step in steps:
        step()
        seen.append(canonical.encode(consortium.read(A, "ReadRoundStatus", "demo", 1)))
    return seen


SEEDS = answers()


def run(data: bytes) -> None:
    RoundStatus.read(canonical.decode(data))
