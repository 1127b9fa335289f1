# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.gateway import (
    CommitError,
    Contract,
    EndorseError,
    ErrorDetail,
    FabricError,
    GatewayError,
    chaincode_message,
)
from medquorum.gateway.failures import error_details
from medquorum_testing.gateway.fake_gateway import Failure, FakeGateway, status_trailer


def failing(service: FakeGateway, contract: Contract, text: str, *messages: str) -> GatewayError:
    trailer = status_trailer(*((f"peer{i}:7051", f"Org{i}MSP", m) for i, m in enumerate(messages)))
    service.failures["Endorse"] = [Failure(grpc.StatusCode.ABORTED, text, trailer if messages else b"")]
    with pytest.raises(EndorseError) as caught:
        contract.submit_transaction("Put")
    return caught.value


def test_a_chaincodes_refusal_is_found_in_the_details(service: FakeGateway, contract: Contract) -> None:
    text = "ROUND_CLOSED: round 3 is closed. Wait for round 4"
    error = failing(service, contract, "see attached details", f"chaincode response 500, {text}")
    assert chaincode_message(error) == text
    assert error.remedy == ""


def test_where_endorsers_differ_the_first_one_is_heard(service: FakeGateway, contract: Contract) -> None:
    messages = "connection refused", "chaincode response 500, no asset k\nhere", "chaincode response 500, busy"
    error = failing(service, contract, "see attached details", *messages)
    assert chaincode_message(error) == "no asset k\nhere"


def test_a_refusal_is_found_in_the_text_too() -> None:
    error = GatewayError("evaluate failed, UNKNOWN: chaincode response 400, BAD_KEY: empty", code="UNKNOWN")
    assert chaincode_message(error) == "BAD_KEY: empty"


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("access denied: channel [mychannel] creator org unknown, creator is malformed", "leaves the creator blank"),
        ("access denied: channel [mychannel] creator org []", "leaves the creator blank"),
        ("access denied: channel [mychannel] creator org [Org1MSP]", "has not expired"),
        (
            "Failed evaluating policy on signed data during check policy on channel [mychannel] with policy "
            "[/Channel/Application/Writers]: [implicit policy evaluation failed]",
            "not a peer's",
        ),
        ("ProposalResponsePayloads do not match", "different results"),
        ("No metadata was found for chaincode x in channel mychannel", "chaincode's name"),
        ("could not launch chaincode x", "chaincode process"),
    ],
)
def test_common_causes_have_a_remedy(service: FakeGateway, contract: Contract, message: str, remedy: str) -> None:
    error = failing(service, contract, "see attached details", message)
    assert remedy in error.remedy
    assert chaincode_message(error) is None
    assert message in str(error)


def test_nothing_listening_is_unavailable(contract: Contract, service: FakeGateway) -> None:
    service.failures["Endorse"] = [Failure(grpc.StatusCode.UNAVAILABLE, "connection refused")]
    with pytest.raises(EndorseError) as caught:
        contract.submit_transaction("Put")
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.remedy
    assert caught.value.details == ()


def test_other_errors_are_no_refusals() -> None:
    assert chaincode_message(CommitError("chaincode response 500, X: y", code="X")) is None
    assert chaincode_message(ValueError("chaincode response 500, X: y")) is None


@pytest.mark.parametrize("kind", [FabricError, *FabricError.__subclasses__(), *GatewayError.__subclasses__()])
def test_every_error_says_cause_and_remedy(kind: type[FabricError]) -> None:
    error = CommitError("it broke", "Mend it", code="X") if kind is CommitError else kind("it broke", "Mend it")
    assert str(error) == "it broke. Mend it"
    assert error.as_dict().items() >= {"error": kind.__name__, "cause": "it broke", "remedy": "Mend it"}.items()


@given(st.binary(max_size=200))
def test_any_trailer_is_survived(trailer: bytes) -> None:
    assert all(isinstance(detail, ErrorDetail) for detail in error_details(trailer))


def test_details_are_read_in_order() -> None:
    trailer = status_trailer(("a:1", "AMSP", "x" * 300), ("b:2", "BMSP", "é"))
    assert error_details(trailer) == [ErrorDetail("a:1", "AMSP", "x" * 300), ErrorDetail("b:2", "BMSP", "é")]
