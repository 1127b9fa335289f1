# SPDX-License-Identifier: Apache-2.0
"""Function keys are 30 MB an image of resnet18: the dealer waits while a party has as much as it is credited."""

import threading

import pytest

from medquorum.core.model import catalogue
from medquorum.verifier.comparison.backends import back_end
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.offline.cost_model import batch_cost, fitting_batch
from medquorum.verifier.offline.dealer import Dealer
from medquorum.verifier.randomness.channel import CREDIT, Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum_testing.encrypted.engine_models import case

NAME = MaterialId("demo", 1, "Hospital1MSP")
BATCH, BATCHES = 8, 3


def deal(channel, plan, sizes):
    dealer = Dealer((bytes(32), bytes(32)), NAME, plan, back_end("fss", NAME))
    for _ in dealer.model():
        pass
    for number in range(BATCHES):
        for dealing in dealer.batch(number, BATCH, plan.subjects[0]):
            sizes.append(len(dealing.messages[1]))
            channel.send(dealing.name, dealing.messages[1])
    channel.close()


@pytest.mark.parametrize("credit", [1 << 20, 24 << 20])
def test_keys_wait_within_the_credit(credit):
    found = case(catalogue.describe("lenet", (1, 28, 28), 10), 1)
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    channel, sizes = Channel(credit), []
    thread = threading.Thread(target=deal, args=(channel, plan, sizes))
    thread.start()
    taken = [len(channel.receive(60)[1]) for _ in range(BATCHES * (len(plan.subjects[0].program.steps) + 1))]
    thread.join()
    assert taken == sizes
    assert sum(sizes) > BATCHES * batch_cost(plan, BATCH, "fss").material > 64 << 20
    assert channel.peak <= max(credit, *sizes)


def largest(plan, images, kind):
    dealer = Dealer((bytes(32), bytes(32)), NAME, plan, back_end(kind, NAME))
    list(dealer.model())
    return max(len(m) for s in plan.subjects for _, found in dealer.batch(0, images, s) for m in found)


@pytest.mark.parametrize("kind", ["tree", "fss"])
@pytest.mark.parametrize("limit", [1 << 17, 3 << 20])
def test_a_batch_is_of_as_many_images_as_a_gates_material_allows(kind, limit):
    found = case(catalogue.describe("lenet", (1, 28, 28), 10), 1)
    subjects = ["mixed", "own"]
    plan = make_plan(found.description, subjects, lambda_numerator=1, lambda_bits=1, grayscale=True, per_class=True)
    fitting = fitting_batch(plan, 64, kind, limit)
    assert largest(plan, fitting, kind) <= limit or fitting == 1
    assert largest(plan, fitting + 1, kind) > limit or fitting == 64
    assert fitting_batch(plan, 2, kind, 1 << 30) == 2


def test_both_ends_credits_are_at_most_256_mb():
    assert 2 * CREDIT <= 256_000_000
