# SPDX-License-Identifier: Apache-2.0
"""Options of a training run, and who attacks when."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medquorum.clients.attacks.catalogue import OMNISCIENT
from medquorum.core.rules import parse_rule
from medquorum.errors import ConfigError
from medquorum_federation.options import Options
from medquorum_federation.schedule import adversary_schedule
from medquorum_federation.study.__main__ import is_named
from medquorum_federation.study.grids import GRIDS


@pytest.mark.parametrize(
    "wrong",
    [
        {"adversaries": 11},
        {"mix": Fraction(1, 3)},
        {"mix": Fraction(3, 2)},
        {"mix": Fraction(1, 512)},
        {"attack": "none"},
        {"rounds": 0},
        {"dirichlet": 0.0},
        {"unknown": 1},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


@pytest.mark.parametrize("rule", ["strict", "slack", "floor", "threshold", "prefix", "direction"])
def test_rules_are_the_contracts(rule: str) -> None:
    assert parse_rule(Options(rule=rule).rule_document).name == rule
    assert parse_rule(Options(rule=rule, undefended=True).rule_document).name == "none"


@pytest.mark.parametrize("attack", OMNISCIENT)
def test_attacks_that_see_what_nobody_sees_are_for_the_simulation(attack: str) -> None:
    with pytest.raises(ConfigError, match="shows nobody in time") as raised:
        Options.model_validate({"attack": attack})
    assert attack in raised.value.cause
    assert f"--only {attack}" in raised.value.remedy
    script, *arguments = raised.value.remedy.removeprefix("Run it in the simulation: ").split()[1:]
    assert (script, arguments[::2]) == ("rules", ["--grid", "--only"])
    assert any(is_named(cell.name, attack) for cell in GRIDS[arguments[1]]([0]))


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(ValueError, match="majority"):
        _ = Options(rule="majority").rule_document


def test_digits_train_longer_unless_told_otherwise() -> None:
    assert (Options().epochs, Options().batch) == (10, 16)
    assert (Options(data="mnist").epochs, Options(data="mnist").batch) == (1, 32)
    assert Options(epochs=2).epochs == 2


@given(
    hospitals=st.integers(1, 20),
    share=st.floats(0, 1),
    rounds=st.integers(1, 20),
    seed=st.integers(0, 5),
    changing=st.booleans(),
)
def test_every_round_has_its_adversaries(hospitals: int, share: float, rounds: int, seed: int, changing: bool) -> None:
    adversaries = int(share * hospitals)
    schedule = adversary_schedule(hospitals, adversaries, rounds, seed, changing=changing)
    assert sorted(schedule) == list(range(1, rounds + 1))
    assert all(len(attacking) == adversaries for attacking in schedule.values())
    assert all(attacking <= set(range(1, hospitals + 1)) for attacking in schedule.values())
    assert schedule == adversary_schedule(hospitals, adversaries, rounds, seed, changing=changing)
    if not changing:
        assert len(set(schedule.values())) == 1


def test_a_changing_set_changes() -> None:
    assert len(set(adversary_schedule(10, 3, 10, 0, changing=True).values())) > 1


def test_shared_aggregation_is_of_encrypted_tasks():
    encrypted = Options(verification="encrypted", aggregation="shared")
    assert (encrypted.nodes, Options(verification="encrypted", aggregators=5).nodes) == (2, 5)
    for wrong in ({"aggregation": "shared"}, {"aggregators": 3}):
        with pytest.raises(ValidationError, match="plain verifiers see the updates and sum them in their chaincode"):
            Options(**wrong)
    with pytest.raises(ValidationError, match="5 aggregators are the two parties and more than 2 hospitals"):
        Options(verification="encrypted", aggregators=5, hospitals=2, adversaries=0)


@pytest.mark.parametrize(("verification", "members"), [("plain", None), ("encrypted", 2900)])
def test_under_encryption_direction_weighs_among_enough_members(verification: str, members: int | None) -> None:
    options = Options.model_validate({"rule": "direction", "verification": verification, "hospitals": 4})
    assert options.rule_document.get("members") == members
    assert options.rule_document.get("drops") == (None if members else 4)  # losses are hidden there
