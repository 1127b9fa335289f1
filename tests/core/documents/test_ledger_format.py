# SPDX-License-Identifier: Apache-2.0
"""A channel that another release made is refused plainly, by the chaincode and by a client."""

from __future__ import annotations

from typing import Any

import pytest

from medquorum.clients.ledger.round_status import read_document
from medquorum.core import canonical
from medquorum.core.documents.consortium import Consortium
from medquorum.errors import CheckFailed, ContractError

FIELDS = {"sequence": 1, "quorum": 1, "members": {"AMSP": ["coordinator", "verifier"]}}
OLD: list[dict[str, Any]] = [
    {"docType": "consortium"} | FIELDS,
    {"docType": "consortium", "ledger_format": 1} | FIELDS,
    {"docType": "consortium", "ledger_format": 3, "unknown": 0} | FIELDS,
]


def test_a_document_names_the_format_and_comes_back() -> None:
    made = Consortium.model_validate(FIELDS)
    assert made.plain()["ledger_format"] == 2
    assert Consortium.decode(made.encode()) == made
    assert read_document(Consortium, made.plain()) == made


@pytest.mark.parametrize("value", OLD)
def test_another_format_is_named_with_the_remedy(value: dict[str, Any]) -> None:
    for read in (lambda: Consortium.decode(canonical.encode(value)), lambda: read_document(Consortium, value)):
        with pytest.raises(ContractError, match="ledger format") as caught:
            read()
        assert caught.value.code == "LEDGER_FORMAT"
        assert "release that made the channel" in caught.value.remedy


def test_another_kind_is_no_matter_of_format() -> None:
    with pytest.raises(CheckFailed, match="it is a task"):
        read_document(Consortium, {"docType": "task"} | FIELDS)
