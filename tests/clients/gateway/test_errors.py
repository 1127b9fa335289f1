# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import grpc
import pytest
from fake_gateway import Failure, FakeGateway, status_trailer
from hypothesis import given
from hypothesis import strategies as st

from clients.gateway import Contract, chaincode_refused, contract_error
from clients.gateway.errors import error_details
from medquorum import CommitError, EndorseError, ErrorDetail, GatewayError


def failing(service: FakeGateway, contract: Contract, text: str, *messages: str) -> GatewayError:
    trailer = status_trailer(*((f"peer{i}:7051", f"Org{i}MSP", m) for i, m in enumerate(messages)))
    service.failures["Endorse"] = [Failure(grpc.StatusCode.ABORTED, text, trailer if messages else b"")]
    with pytest.raises(EndorseError) as caught:
        contract.submit_transaction("Put")
    return caught.value


def test_a_contracts_refusal_is_found_in_the_details(service: FakeGateway, contract: Contract) -> None:
    text = "chaincode response 500, ROUND_CLOSED: round 3 is closed. Wait for round 4. It opens soon"
    error = failing(service, contract, "see attached details", text)
    refusal = contract_error(error)
    assert refusal is not None
    assert (refusal.code, refusal.cause) == ("ROUND_CLOSED", "round 3 is closed")
    assert refusal.remedy == "Wait for round 4. It opens soon"
    assert chaincode_refused(error)
    assert error.remedy == ""


def test_a_refusal_without_code_is_a_refusal_but_no_contract_error(service: FakeGateway, contract: Contract) -> None:
    error = failing(service, contract, "see attached details", "chaincode response 500, the asset k does not exist")
    assert contract_error(error) is None
    assert chaincode_refused(error)


def test_a_refusal_is_found_in_the_text_too() -> None:
    error = GatewayError("evaluate failed, UNKNOWN: chaincode response 400, BAD_KEY: empty", code="UNKNOWN")
    refusal = contract_error(error)
    assert refusal is not None
    assert (refusal.code, refusal.cause, refusal.remedy) == ("BAD_KEY", "empty", "")


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
    assert not chaincode_refused(error)
    assert message in str(error)


def test_nothing_listening_is_unavailable(contract: Contract, service: FakeGateway) -> None:
    service.failures["Endorse"] = [Failure(grpc.StatusCode.UNAVAILABLE, "connection refused")]
    with pytest.raises(EndorseError) as caught:
        contract.submit_transaction("Put")
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.remedy
    assert caught.value.details == ()


def test_other_errors_are_no_contract_errors() -> None:
    assert contract_error(CommitError("chaincode response 500, X: y", code="X")) is None
    assert contract_error(ValueError("chaincode response 500, X: y")) is None


@given(st.binary(max_size=200))
def test_any_trailer_is_survived(trailer: bytes) -> None:
    assert all(isinstance(detail, ErrorDetail) for detail in error_details(trailer))


def test_details_are_read_in_order() -> None:
    trailer = status_trailer(("a:1", "AMSP", "x" * 300), ("b:2", "BMSP", "é"))
    assert error_details(trailer) == [ErrorDetail("a:1", "AMSP", "x" * 300), ErrorDetail("b:2", "BMSP", "é")]
