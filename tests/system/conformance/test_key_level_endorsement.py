# SPDX-License-Identifier: Apache-2.0
"""Feature: state-based endorsement."""

from __future__ import annotations

import pytest

from medquorum_testing.gateway.scenario import Organisation, ScenarioClient, fails


@pytest.fixture
def asset(client1: ScenarioClient, key: str) -> str:
    client1.submit("Put", key, "initial")
    return key


def test_state_change_must_be_endorsed_by_org1(
    client1: ScenarioClient, org1: Organisation, org2: Organisation, org3: Organisation, asset: str
) -> None:
    client1.submit("SetPolicy", asset, "1", "Org1MSP")
    client1.submit("Put", asset, "by org1", organisations=[org1])
    with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
        client1.submit("Put", asset, "by org2", organisations=[org2])
    with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
        client1.submit("Put", asset, "by two others", organisations=[org2, org3])
    assert client1.evaluate("Get", asset) == "by org1"


def test_org1_and_org3_when_not_specifying_organisations(client1: ScenarioClient, asset: str) -> None:
    client1.submit("SetPolicy", asset, "2", "Org1MSP", "Org3MSP")
    client1.submit("Put", asset, "by both")
    assert client1.evaluate("Get", asset) == "by both"


def test_no_local_organisation_when_not_specifying_organisations(client1: ScenarioClient, asset: str) -> None:
    client1.submit("SetPolicy", asset, "2", "Org2MSP", "Org3MSP")
    client1.submit("Put", asset, "by the others")
    assert client1.evaluate("Get", asset) == "by the others"


def test_org1_and_org3_when_specifying_others(
    client1: ScenarioClient, org1: Organisation, org2: Organisation, asset: str
) -> None:
    client1.submit("SetPolicy", asset, "2", "Org1MSP", "Org3MSP")
    with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
        client1.submit("Put", asset, "by org1 and org2", organisations=[org1, org2])
    assert client1.evaluate("Get", asset) == "initial"


def test_the_policy_of_a_key_guards_its_own_change(
    client1: ScenarioClient, org1: Organisation, org2: Organisation, asset: str
) -> None:
    client1.submit("SetPolicy", asset, "2", "Org1MSP", "Org3MSP")
    with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
        client1.submit("SetPolicy", asset, "1", "Org1MSP", organisations=[org1, org2])
    client1.submit("DropPolicy", asset)
    assert client1.evaluate("GetPolicy", asset) == ""
    client1.submit("Put", asset, "as the chaincode says", organisations=[org1, org2])
    assert client1.evaluate("Get", asset) == "as the chaincode says"


def test_a_policy_on_private_data(client1: ScenarioClient, org1: Organisation, org2: Organisation, key: str) -> None:
    client1.submit("PutPrivate", "shared", key, transient={"value": "1"})
    client1.submit("SetPrivatePolicy", "shared", key, "1", "Org1MSP")
    with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
        client1.submit("PutPrivate", "shared", key, transient={"value": "2"}, organisations=[org2])
    client1.submit("PutPrivate", "shared", key, transient={"value": "3"}, organisations=[org1])
    assert client1.evaluate("GetPrivate", "shared", key) == "3"
