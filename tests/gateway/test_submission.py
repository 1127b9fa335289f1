# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import grpc
import pytest

from medquorum.errors import ContractError
from medquorum.gateway import (
    CommitError,
    CommitStatusError,
    Contract,
    DataError,
    EndorseError,
    Gateway,
    GatewayError,
    Submissions,
    SubmitError,
    retrying,
    worth_retrying,
)
from medquorum_testing.gateway.fake_gateway import Failure, FakeGateway

UNAVAILABLE = Failure(grpc.StatusCode.UNAVAILABLE, "no quorum of orderers")


@pytest.fixture
def submissions(gateway: Gateway, tmp_path: Path) -> Submissions:
    return Submissions(gateway, tmp_path / "submissions", status_timeout=0.5)


def test_the_folder_is_closed_to_others_whatever_the_umask(gateway: Gateway, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Submissions(gateway, tmp_path / "state" / "submissions")
    finally:
        os.umask(before)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("state", "state/submissions")} == {0o700}


def envelopes(service: FakeGateway) -> list[bytes]:
    return [request.prepared_transaction.SerializeToString() for request in service.requests["Submit"]]


def test_a_known_outcome_is_not_stored(service: FakeGateway, contract: Contract, submissions: Submissions) -> None:
    status = submissions.submit(contract.new_proposal("Put").endorse())
    assert status.successful
    assert len(envelopes(service)) == 1
    assert submissions.pending() == []


def test_a_refused_submit_that_commits_all_the_same_is_sent_once(
    service: FakeGateway, contract: Contract, submissions: Submissions
) -> None:
    service.failures["Submit"] = [UNAVAILABLE]  # committed before the answer fails
    assert submissions.submit(contract.new_proposal("Put").endorse()).successful
    assert len(envelopes(service)) == 1
    assert submissions.pending() == []


def test_a_lost_transaction_is_sent_again_identically(
    service: FakeGateway, contract: Contract, submissions: Submissions
) -> None:
    service.commits_on_submit = None
    transaction = contract.new_proposal("Put").endorse()
    with pytest.raises(CommitStatusError):
        submissions.submit(transaction, timeout=0)
    assert submissions.pending() == [transaction.transaction_id]
    service.commits_on_submit = "VALID"
    assert submissions.resolve(transaction.transaction_id).successful
    first, *others = envelopes(service)
    assert others
    assert set(others) == {first}
    assert submissions.pending() == []


def test_a_resubmission_that_is_refused_does_not_hide_the_outcome(
    service: FakeGateway, contract: Contract, submissions: Submissions
) -> None:
    service.failures["Submit"] = [UNAVAILABLE, Failure(grpc.StatusCode.UNAVAILABLE, "request already processed")]
    service.failures["CommitStatus"] = [Failure(grpc.StatusCode.UNAVAILABLE, "peer restarts")]
    assert submissions.submit(contract.new_proposal("Put").endorse()).successful
    assert len(set(envelopes(service))) == 1


def test_another_process_finds_the_outcome(
    service: FakeGateway, gateway: Gateway, contract: Contract, submissions: Submissions, tmp_path: Path
) -> None:
    service.commits_on_submit = None
    transaction = contract.new_proposal("Put").endorse()
    with pytest.raises(CommitStatusError):
        submissions.submit(transaction, timeout=0)
    service.outcomes[transaction.transaction_id] = "MVCC_READ_CONFLICT"
    later = Submissions(gateway, tmp_path / "submissions")
    (pending,) = later.pending()
    status = later.resolve(pending)
    assert (status.code, status.successful) == ("MVCC_READ_CONFLICT", False)
    with pytest.raises(CommitError):
        status.require_valid()
    assert later.pending() == []


def test_unknown_ids_and_damaged_files_are_refused(submissions: Submissions, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No transaction"):
        submissions.resolve("0" * 64)
    for name in ("../../etc/passwd", "", "0" * 63 + "G"):
        with pytest.raises(DataError, match="not a transaction id"):
            submissions.resolve(name)
    (tmp_path / "submissions" / f"{'1' * 64}.transaction").write_bytes(b"damaged")
    with pytest.raises(DataError):
        submissions.resolve("1" * 64)


def refusal(code: str, text: str) -> EndorseError:
    return EndorseError(f"endorse failed, {code}: {text}", code=code)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (CommitError("", code="MVCC_READ_CONFLICT"), True),
        (CommitError("", code="PHANTOM_READ_CONFLICT"), True),
        (CommitError("", code="ENDORSEMENT_POLICY_FAILURE"), True),
        (CommitError("", code="CHAINCODE_VERSION_CONFLICT"), True),
        (CommitError("", code="EXPIRED_CHAINCODE"), True),
        (CommitError("", code="DUPLICATE_TXID"), False),
        (CommitError("", code="BAD_PAYLOAD"), False),
        (refusal("UNAVAILABLE", "connection refused"), True),
        (refusal("ABORTED", "ProposalResponsePayloads do not match"), True),
        (refusal("FAILED_PRECONDITION", "no combination of peers"), True),
        (refusal("ABORTED", "chaincode response 500, ROUND_CLOSED: closed"), False),
        (refusal("ABORTED", "chaincode response 500, some text"), False),
        (refusal("ABORTED", "access denied: channel [c] creator org [Org1MSP]"), False),
        (refusal("UNAVAILABLE", "proposal client identity expired"), False),
        (refusal("PERMISSION_DENIED", "no"), False),
        (GatewayError("evaluate", code="UNAVAILABLE"), True),
        (SubmitError("", code="UNAVAILABLE"), False),
        (CommitStatusError("", code="UNAVAILABLE"), False),
        (ContractError("ROUND_CLOSED", "closed"), False),
        (ValueError(), False),
    ],
)
def test_what_is_worth_a_fresh_proposal(error: Exception, again: bool) -> None:
    assert worth_retrying(error) is again


def test_each_attempt_is_a_fresh_proposal(service: FakeGateway, contract: Contract) -> None:
    service.failures["Endorse"] = [UNAVAILABLE, UNAVAILABLE]
    assert retrying(attempts=3, first_wait=0.001)(contract.submit_transaction, "Put", "k") == b"result"
    ids = [request.transaction_id for request in service.requests["Endorse"]]
    assert len(set(ids)) == 3


def test_the_last_error_is_raised(service: FakeGateway, contract: Contract) -> None:
    service.failures["Endorse"] = [UNAVAILABLE] * 3
    with pytest.raises(EndorseError):
        retrying(attempts=2, first_wait=0.001)(contract.submit_transaction, "Put")
    assert len(service.requests["Endorse"]) == 2
