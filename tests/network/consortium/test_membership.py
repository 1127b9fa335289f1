# SPDX-License-Identifier: Apache-2.0
"""Who may join and leave: entries, free ports, what would leave a rule unsatisfiable."""

import pytest

from medquorum.errors import ConfigError
from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.membership import new_hospital, with_hospital, without_hospital


@pytest.fixture
def consortium() -> Consortium:
    return sample("quickstart", hospitals=3)


def test_a_new_hospital_takes_free_ports_and_changes_the_policies(consortium: Consortium) -> None:
    one = new_hospital(consortium, "Hospital4")
    grown = with_hospital(consortium, one)
    assert grown.organisation("hospital4").msp_id == "Hospital4MSP"
    assert one == sample("quickstart", hospitals=4).organisation("Hospital4")
    assert (policies.third_of_hospitals(consortium), policies.third_of_hospitals(grown)) == (1, 2)
    assert "Hospital4MSP.member" in policies.collections(grown)[1]["policy"]
    assert with_hospital(grown, one) == grown
    with pytest.raises(ConfigError, match="name used twice"):
        with_hospital(grown, one.model_copy(update={"domain": "other.example.com"}))
    with pytest.raises(ConfigError, match="port used twice"):
        with_hospital(grown, one.model_copy(update={"name": "X", "msp_id": "XMSP", "domain": "x.example.com"}))
    with pytest.raises(ConfigError, match="asks for the roles hospital, coordinator"):
        with_hospital(consortium, one.model_copy(update={"roles": ["hospital", "coordinator"]}))
    with pytest.raises(ConfigError, match="no organisation's name"):
        new_hospital(consortium, "St. Mary")


def test_the_gap_of_one_that_left_is_used_again(consortium: Consortium) -> None:
    rest = without_hospital(consortium, "Hospital2")
    assert [one.name for one in rest.having("hospital")] == ["Hospital1", "Hospital3"]
    left, following = consortium.organisation("Hospital2"), new_hospital(rest, "Hospital9")
    assert left.peer and following.peer
    assert following.peer.port == left.peer.port


def test_a_removal_that_leaves_a_rule_unsatisfiable_is_refused(consortium: Consortium) -> None:
    with pytest.raises(ConfigError, match="VerifierA is no hospital"):
        without_hospital(consortium, "VerifierA")
    alone = without_hospital(without_hospital(consortium, "Hospital1"), "Hospital2")
    with pytest.raises(ConfigError, match="is the last hospital"):
        without_hospital(alone, "Hospital3")
    only = [
        one.model_copy(update={"roles": [r for r in one.roles if r != "coordinator"] or ["auditor"]})
        if "hospital" not in one.roles
        else one.model_copy(update={"roles": ["hospital", "coordinator"]} if one.name == "Hospital1" else {})
        for one in consortium.organisations
    ]
    led = consortium.model_copy(update={"organisations": only})
    with pytest.raises(ConfigError, match="no organisation has the role coordinator"):
        without_hospital(led, "Hospital1")
