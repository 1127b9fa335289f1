# SPDX-License-Identifier: Apache-2.0
"""Feature: errors, with every endorser's own reason; endorsing organisations."""

from __future__ import annotations

import pytest

from medquorum_testing.gateway.scenario import Organisation, ScenarioClient, ScenarioError, fails


def test_evaluate_fails_with_incorrect_transaction_name(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("", "UNKNOWN", org1, text="function that does not exist: Nonsense"):
        client1.evaluate("Nonsense")


def test_submit_fails_with_incorrect_transaction_name(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("endorse", "ABORTED", org1, text="function that does not exist: Nonsense"):
        client1.submit("Nonsense")


def test_incorrect_chaincode_name(client1: ScenarioClient) -> None:
    with fails("", "FAILED_PRECONDITION"):
        client1.evaluate("Get", "k", chaincode="nonsense")
    with fails("endorse", "FAILED_PRECONDITION"):
        client1.submit("Get", "k", chaincode="nonsense")


def test_incorrect_channel_name(client1: ScenarioClient) -> None:
    with fails("", "UNAVAILABLE"):
        client1.evaluate("Get", "k", channel="nonsense")
    with fails("endorse", "FAILED_PRECONDITION"):
        client1.submit("Get", "k", channel="nonsense")


def test_an_unexpected_exception_in_the_chaincode(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("", "UNKNOWN", org1):
        client1.evaluate("Crash")
    with fails("endorse", "ABORTED", org1):
        client1.submit("Crash")
    assert client1.evaluate("Echo") == "[]"


def test_a_contracts_refusal(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("endorse", "ABORTED", org1, text="ROUND_CLOSED: the round is closed"):
        client1.submit("Refuse", "ROUND_CLOSED", "the round is closed")


def test_submit_to_one_organisation_lacks_endorsements(
    client1: ScenarioClient, org1: Organisation, org2: Organisation, key: str
) -> None:
    for one in (org1, org2):
        with fails("commit", "ENDORSEMENT_POLICY_FAILURE"):
            client1.submit("Put", key, "1", organisations=[one])
    with fails("", "UNKNOWN", org1):
        client1.evaluate("Get", key)


def test_submit_to_two_organisations(
    client1: ScenarioClient, org1: Organisation, org2: Organisation, org3: Organisation, key: str
) -> None:
    client1.submit("Put", key, "1", organisations=[org2, org3])
    client1.submit("Put", key, "2", organisations=[org1, org3])
    assert client1.evaluate("Get", key) == "2"


def test_evaluate_on_another_organisation(client1: ScenarioClient, org2: Organisation, org3: Organisation) -> None:
    assert client1.evaluate("Opinion", organisations=[org2]) == "agreed"
    assert client1.evaluate("Opinion", organisations=[org3]) == "different"


def test_an_unknown_endorsing_organisation(client1: ScenarioClient, org1: Organisation, key: str) -> None:
    unknown = Organisation("No", "NoMSP", "", "", b"", org1.tls, org1.folder)
    with fails("endorse", "UNAVAILABLE"):
        client1.submit("Put", key, "1", organisations=[org1, unknown])
    with fails("", "FAILED_PRECONDITION"):
        client1.evaluate("Opinion", organisations=[unknown])


def test_submit_goes_round_an_organisation_that_differs(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutOpinion", key)
    assert client1.evaluate("Get", key) == "agreed"


def test_submit_non_deterministic_transaction(
    client1: ScenarioClient, org1: Organisation, org3: Organisation, key: str
) -> None:
    """The organisation named is the one whose answer came second."""
    with pytest.raises(ScenarioError, match="ProposalResponsePayloads do not match") as caught:
        client1.submit("PutOpinion", key, organisations=[org1, org3])
    assert (caught.value.stage, caught.value.code) == ("endorse", "ABORTED")
    assert caught.value.organisations in ([org1.msp_id], [org3.msp_id])


def test_an_organisation_that_differs_from_all_gets_no_endorsements(
    client3: ScenarioClient, org1: Organisation, org2: Organisation, key: str
) -> None:
    with fails("endorse", "ABORTED", org1, org2, text="ProposalResponsePayloads do not match"):
        client3.submit("PutOpinion", key)
