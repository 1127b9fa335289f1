# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from medquorum.clients.ledger.transactions import Transactions, quorums
from medquorum.errors import ConfigError, ContractError
from medquorum.gateway import CommitError, EndorseError, ErrorDetail

VERIFIERS = ["A", "B", "C"]


class FakeContract:
    """Calls ``answer`` with the endorsers of each submission."""

    def __init__(self, answer: Callable[[tuple[str, ...], int], bytes]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []
        self.arguments: Sequence[str | bytes] = ()

    def evaluate(self, name: str, **_: object) -> bytes:
        raise NotImplementedError

    def submit(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        self.asked.append(tuple(endorsing_organizations))
        self.arguments = arguments
        return self.answer(self.asked[-1], len(self.asked))


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_every_choice_of_verifiers_the_own_organisation_first() -> None:
    assert quorums(VERIFIERS, 2, "B") == [("B", "A"), ("B", "C"), ("A", "C")]
    assert quorums(VERIFIERS, 3) == [("A", "B", "C")]
    for size in (0, 4):
        with pytest.raises(ConfigError):
            quorums(VERIFIERS, size)


def test_arguments_travel_as_text_and_canonical_json() -> None:
    contract = FakeContract(lambda endorsers, call: b"ok")
    assert Transactions(contract, VERIFIERS, 2).submit("T", "x", 3, {"b": 1, "a": [2]}) == b"ok"
    assert contract.arguments == ["x", "3", '{"a":[2],"b":1}']


def test_a_verifier_that_is_away_is_left_out_from_then_on() -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        if "A" in endorsers:
            raise EndorseError("connection refused", code="ABORTED")
        return b""

    contract = FakeContract(answer)
    transactions = Transactions(contract, VERIFIERS, 2)
    transactions.submit("T")
    transactions.submit("T")
    assert contract.asked == [("A", "B"), ("A", "C"), ("B", "C"), ("B", "C")]


def refuse(code: str) -> EndorseError:
    return EndorseError(
        "failed", code="ABORTED", details=[ErrorDetail("a", "A", f"chaincode response 500, {code}: no")]
    )


def test_a_refusal_is_the_contracts_own_error_and_final() -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        raise refuse("ROUND_CLOSED")

    contract = FakeContract(answer)
    with pytest.raises(ContractError) as caught:
        Transactions(contract, VERIFIERS, 2).submit("T")
    assert caught.value.code == "ROUND_CLOSED"
    assert len(contract.asked) == 1


def test_a_verifier_that_is_not_ready_is_replaced() -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        if "B" in endorsers:
            raise refuse("NOT_READY")
        return b"written"

    assert Transactions(FakeContract(answer), VERIFIERS, 2).submit("T") == b"written"


@pytest.mark.parametrize("other", ["connection refused", "ProposalResponsePayloads do not match"])
def test_a_verifier_that_is_not_ready_is_waited_for_before_anything_else_is_concluded(other: str) -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        raise refuse("NOT_READY") if "B" in endorsers else EndorseError(other, code="ABORTED")

    with pytest.raises(ContractError, match="NOT_READY"):
        Transactions(FakeContract(answer), ["A", "C", "B"], 2, "C").submit("T")


def test_conflicts_and_passing_differences_get_fresh_proposals() -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        if call == 1:
            raise CommitError("conflict", code="MVCC_READ_CONFLICT")
        if call == 2:
            raise EndorseError("ProposalResponsePayloads do not match", code="ABORTED")
        return b"in the end"

    assert Transactions(FakeContract(answer), ["A", "B"], 2).submit("T") == b"in the end"


def test_an_invalid_transaction_of_another_kind_is_not_repeated() -> None:
    def answer(endorsers: tuple[str, ...], call: int) -> bytes:
        raise CommitError("bad", code="BAD_PAYLOAD")

    contract = FakeContract(answer)
    with pytest.raises(CommitError):
        Transactions(contract, VERIFIERS, 2).submit("T")
    assert len(contract.asked) == 1
