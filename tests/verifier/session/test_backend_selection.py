# SPDX-License-Identifier: Apache-2.0
"""The back end that the links make faster: its costs are what is exchanged, and what both parties agree on."""

import numpy as np
import pytest

from medquorum.core.model import catalogue
from medquorum.verifier.comparison.backends import back_end
from medquorum.verifier.comparison.interface import Cost
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.offline.cost_model import batch_cost
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.backend_selection import Link, Links, choose, probe
from medquorum.verifier.session.local import Inputs, measure
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.two_parties import split

NAME = MaterialId("demo", 1, "Hospital1MSP")


def plan_of(model, image=(1, 8, 8)):
    found = case(catalogue.describe(model, image, 4), 5)
    return found, make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)


@pytest.mark.parametrize("model", ["mlp", "lenet"])
def test_costs_differ_as_what_is_sent_and_dealt(model):
    """What both back ends have in common cancels: the rest is all rounds and bytes of the comparisons."""
    found, plan = plan_of(model, (1, 28, 28))
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 5)
    tree, fss = (measure(plan, inputs, lambda kind=kind: back_end(kind, NAME)) for kind in ("tree", "fss"))
    cost = [batch_cost(plan, 5, kind) for kind in ("tree", "fss")]
    spent = [report.outcomes[1].batches for report in (tree, fss)]
    assert spent[0].rounds - spent[1].rounds == cost[0].rounds - cost[1].rounds
    assert spent[0].sent - spent[1].sent == cost[0].sent - cost[1].sent
    assert spent[0].material - spent[1].material == cost[0].material - cost[1].material
    assert cost[1].rounds < cost[0].rounds


def test_a_near_link_takes_few_bytes_and_a_far_one_few_rounds():
    _, plan = plan_of("lenet", (1, 28, 28))
    near = Links(Link(1e-4, 1e9), 1e9)
    far = Links(Link(0.2, 1e9), 1e9)
    far_and_narrow = Links(Link(0.2, 1e6), 1e6)
    assert [choose(plan, 32, 32, links) for links in (near, far, far_and_narrow)] == ["tree", "fss", "tree"]


def test_the_crossover_is_where_rounds_outweigh_bytes():
    _, plan = plan_of("mlp")
    tree, fss = (batch_cost(plan, 8, kind) for kind in ("tree", "fss"))
    bandwidth = 1e7
    saved = (fss.material - tree.material + fss.sent - tree.sent) / bandwidth
    crossover = saved / (tree.rounds - fss.rounds)
    for images, waiting in ((8, 1), (16, 2)):  # of two batches the rounds are waited for at once
        for factor, wanted in ((0.99, "tree"), (1.01, "fss")):
            links = Links(Link(crossover * factor * waiting, bandwidth), bandwidth)
            assert choose(plan, 8, images, links) == wanted


def test_a_plan_without_subjects_compares_nothing():
    found, _ = plan_of("mlp")
    plan = make_plan(found.description, [], lambda_numerator=1, lambda_bits=1, grayscale=True)
    assert batch_cost(plan, 8, "fss") == Cost(0, 0, 0)


def test_a_probe_exchanges_the_same_whatever_it_measures():
    sent = []

    def exchange(message):
        sent.append(len(message))
        return message

    link = probe(exchange)
    assert sent == [0, 0, 0, 1 << 20, 1 << 20, 1 << 20]
    assert link.exchange >= 0
    assert np.isfinite(link.bandwidth)
