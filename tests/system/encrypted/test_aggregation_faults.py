# SPDX-License-Identifier: Apache-2.0
"""A node, a party and the dealer gone while the updates are summed; the model is the plain one, bit for bit."""

from __future__ import annotations

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core import model as modelformat
from medquorum.core.aggregate import aggregate
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]
DEALER = "DealerMSP"
NODE = "Hospital1Node"


def plain_model(fed: Federation, number: int) -> str:
    """Return the hash of what plain aggregation makes of the updates on the hospitals' own disks."""
    description = modelformat.parse(fed.task.model)
    base = modelformat.unpack(description, fetch_model(fed.ledger(), fed.task, fed.status(number).round.base))
    stores = [UpdateStore(fed.task_folder(hospital) / "updates") for hospital in fed.hospitals]
    updates = [store.load(number) for store in stores]
    tensors = [modelformat.unpack(description, update.packed) for update in updates if update is not None]
    assert len(tensors) == len(EVERYONE)
    model = aggregate(
        description, base, tensors, lambda_numerator=fed.task.lambda_numerator, lambda_bits=fed.task.lambda_bits
    )
    return modelformat.model_hash(fed.task.layout, modelformat.chunk_hashes(modelformat.pack(description, model)))


def verified(fed: Federation) -> int:
    """Open a round and wait for all verdicts, before the accepted set is fixed."""
    number = fed.opened()
    fed.reach("verifying")
    await_true(lambda: len(fed.status(number).verdicts) == len(EVERYONE), 120, "all updates are verified")
    return number


def test_all_nodes_attest_the_plain_model(fed: Federation) -> None:
    number = verified(fed)
    closed = fed.finished()
    assert closed.model == plain_model(fed, number)
    await_true(lambda: NODE in fed.roles and fed.roles[NODE].running, 5, "the node runs")
    assert {one.model for one in fed.status(number).aggregates.values()} == {closed.model}
    assert fed.status(number).masks is not None


def test_a_killed_node_holds_nobody_up(fed: Federation) -> None:
    number = verified(fed)
    fed.roles[NODE].kill()
    closed = fed.finished()
    assert closed.model == plain_model(fed, number)
    assert sorted(fed.status(number).aggregates) == [fed.msp(party) for party in fed.verifiers]


def test_a_killed_party_and_a_dealer_that_comes_back_go_on(fed: Federation) -> None:
    number = verified(fed)
    fed.roles["Dealer"].kill()
    fed.reach("aggregating")
    fed.roles["VerifierB"].wait_for("phase", phase="resharing", round=number)
    fed.roles["VerifierB"].kill()
    assert fed.status(number).aggregates == {}, "nothing is opened without the dealer's word"
    fed.start("VerifierB")
    fed.start("Dealer")
    closed = fed.finished()
    assert closed.model == plain_model(fed, number)
    assert len(fed.versions("masks", number)) == 1


def test_without_the_dealer_the_round_keeps_its_model_and_training_goes_on(fed: Federation) -> None:
    number = verified(fed)
    fed.roles["Dealer"].kill()
    ended = fed.reach("aborted", Deadlines(submission=120, verdict=120, aggregation=3))
    assert (ended.model, ended.reason) == (ended.base, f"{DEALER} attested no masks within 3 s")
    assert fed.status(number).aggregates == {}
    fed.start("Dealer")
    following = verified(fed)
    assert following == number + 1
    assert fed.finished().model == plain_model(fed, following)
