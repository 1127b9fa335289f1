# SPDX-License-Identifier: Apache-2.0
"""A whole verification by dealer, P0 and P1 over real sockets gives what it gives in one process."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from medquorum.core.model import catalogue
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import COUNT_BITS
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.service.dealing.material import Material
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.dealing.server import Dealings
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyListener, connect_party
from medquorum.verifier.service.server import Server
from medquorum.verifier.session.evaluation import Evaluation
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.service_identities import credentials
from medquorum_testing.encrypted.two_parties import split

KNOWN = ("P0MSP", "P1MSP", "DealerMSP")
OWN = [credentials(name, KNOWN) for name in KNOWN]


def play(index, connection, material, request, inputs):
    """Be one party; return the bit, and the counts where they are opened."""
    document = request.plan
    plan, first = document.plan(), index == 0
    member = Party(index, connection)
    supply = Supply(index, material.seed, material.receive, mask_seed=material.mask_seed)
    side = Evaluation(member, supply, request.name, plan, document.back_end(request.name))
    fails = side.model(inputs.base, inputs.shares[index])
    found = []
    secret = (inputs.images, inputs.labels) if first else None
    side.batches(document.batches(), secret, lambda _, counts: found.append(np.concatenate(counts)))
    counts = np.sum(found, axis=0)
    if inputs.needed is None:
        accepted = bool(member.reveal(side.decide(counts[:0], None, fails).numbers, 1)[0])
        return accepted, member.reveal(counts, COUNT_BITS).tolist()
    return bool(member.reveal(side.decide(counts, inputs.needed if first else None, fails).numbers, 1)[0]), None


@pytest.mark.slow
@pytest.mark.parametrize("comparison", ["tree", "fss"])
@pytest.mark.parametrize("needed", [None, 0, 7])
def test_sockets_give_what_one_process_gives(tmp_path, comparison, needed):
    found = case(catalogue.describe("mlp", (1, 8, 8), 3), 7)
    minima = None if needed is None else np.array([0, needed])
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 3, minima)
    document = PlanDocument(
        parties=("P0MSP", "P1MSP"),
        model=found.description,
        subjects=("mixed", "own"),
        lambda_numerator=1,
        lambda_bits=1,
        grayscale=True,
        norm=None,
        per_class=False,
        comparison=comparison,
        batch=3,
        images=7,
        first_batch=0,
        needed=0 if needed is None else 2,
        updates=0,
    )
    assert PlanDocument.parse(document.document()) == document
    requests = [
        DealRequest(
            task="task",
            round=1,
            hospital="HospitalMSP",
            updates=(("HospitalMSP", "c" * 64),),
            attempt=1,
            party=index,
            plan=document,
        )
        for index in (0, 1)
    ]
    with (
        Lines(OWN[0], "127.0.0.1:0") as lines,
        Lines(OWN[2], "127.0.0.1:0") as dealt,
        Server(OWN[2], "127.0.0.1:0", [Dealings(tmp_path / "dealt", dealt, lambda request: None)]) as dealer,
        Server(OWN[0], "127.0.0.1:0", [listener := PartyListener(lines)]) as service,
        ThreadPoolExecutor(2) as pool,
    ):

        def party(index):
            with (
                closing(
                    connect_party(OWN[1], service.address, "P0MSP", "task/1", 20)
                    if index
                    else listener.accept("task/1", "P1MSP", 20)
                ) as connection,
                closing(Material.take(OWN[index], dealer.address, "DealerMSP", requests[index])) as material,
            ):
                return play(index, connection, material, requests[index], inputs)

        both = list(pool.map(party, (0, 1)))
    expected = verify(document.plan(), inputs, lambda: document.back_end(requests[0].name))
    wanted = [(one.accepted, None if one.counts is None else one.counts.tolist()) for one in expected]
    assert both == wanted
    assert wanted[0][0] is (needed != 7)
