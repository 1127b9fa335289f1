# SPDX-License-Identifier: Apache-2.0
"""The loss of hidden logits is the plain rule's, wrapping differences and the cap included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.rules import parse_rule
from medquorum.core.rules.direction.margin import class_worth, image_losses
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.margin import Margin
from medquorum_testing.encrypted.two_parties import split, together


def opened(shares):
    return int(shares[0][0] + shares[1][0])


@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
@given(
    seed=st.integers(0, 1 << 32),
    classes=st.integers(2, 6),
    margin=st.integers(1, 100_000),
    cap=st.integers(1, 100_000),
    spread=st.sampled_from([1 << 10, 1 << 17, 1 << 31]),
)
@settings(max_examples=6)
def test_the_loss_is_the_plain_one(back_end, seed, classes, margin, cap, spread):
    rng = np.random.default_rng(seed)
    rule = parse_rule({"name": "direction", "margin": margin, "cap": cap})
    gate = Margin(rule, classes, 32)
    logits = rng.integers(-spread, spread, (7, classes))
    labels = rng.integers(0, classes, 7)
    worth = class_worth(labels)
    shares = split(logits)
    found = together(
        lambda dealer: gate.deal(dealer, back_end(), 7),
        lambda party, randomness: gate.evaluate(
            party,
            randomness,
            back_end(),
            shares[party.index],
            labels if party.index == 0 else None,
            worth if party.index == 0 else None,
        ),
    )
    assert opened(found) == (worth * image_losses(rule, logits, labels, 32)).sum()


def test_losses_that_leave_no_room_to_choose_are_refused():
    rule = parse_rule({"name": "direction"})
    Margin(rule, 46, 32)
    with pytest.raises(ConfigError, match="losses of 47 classes"):
        Margin(rule, 47, 32)
