# SPDX-License-Identifier: Apache-2.0
"""A graph's network in float64 says what the ledger's integers say, whatever layers and sizes it has."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings

from medquorum.clients.training.formats.agreement import check_agreement
from medquorum.clients.training.formats.state import load_into
from medquorum.clients.training.module import DescribedModel
from medquorum.core import model as modelformat
from medquorum.errors import ModelError
from medquorum_testing.encrypted.engine_models import graph_case
from medquorum_testing.inference.drawn_graphs import small_graphs
from medquorum_testing.inference.tiny_graphs import GRAPHS


def held_to_float64(document: dict[str, Any]) -> None:
    """Compare on the case's own inputs: within 0.003 for logits up to 10."""
    found = graph_case(document, 6)
    packed = modelformat.pack(found.description, found.base)
    module = DescribedModel(found.description).double().eval()
    load_into(module, found.description, packed)
    check_agreement(found.description, packed, lambda numbers: module(numbers).detach().numpy(), found.images)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(small_graphs())
def test_any_graph_agrees_with_float64_torch(document: dict[str, Any]) -> None:
    """Convolutions with groups and dilation, normalisation, activations, pools with and without ceil, sums, joins."""
    try:
        modelformat.parse(document)
    except ModelError:
        assume(False)
    held_to_float64(document)


def test_every_kind_of_layer_is_among_them() -> None:
    for document in GRAPHS.values():
        held_to_float64(document)
