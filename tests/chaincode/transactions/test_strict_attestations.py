# SPDX-License-Identifier: Apache-2.0
"""What one verifier or hospital attests blocks nobody and fills no disk: loose fields are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium, refusal
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, settings

H1 = HOSPITALS[0]
Make = Callable[..., Consortium]


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def with_counts(result: dict[str, Any], counts: str) -> str:
    """Return a result whose counts are this text: Python's own writer has a limit of its own."""
    return json.dumps(result | {"counts": 0}).replace('"counts": 0', f'"counts": {counts}')


def plain(make: Make) -> tuple[Consortium, str, dict[str, Any]]:
    demo = make()
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    return demo, B, {"accepted": False, "reason": "RULE"}


def semi_honest(make: Make) -> tuple[Consortium, str, dict[str, Any]]:
    demo = make(EncryptedConsortium)
    demo.begin(encrypted=settings(placement="smv-semi-honest"))
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, H1.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    assert isinstance(demo, EncryptedConsortium)
    return demo, H1, demo.evaluated(H1)


@pytest.mark.parametrize("begin", [plain, semi_honest])
def test_no_attestation_blocks_a_round(make: Make, begin: Callable[[Make], Any]) -> None:
    """A nesting that is written at one depth of the stack and cannot be read at another would."""
    demo, liar, result = begin(make)
    codes = set()
    for depth in (*range(1, 33), *range(900, 1000)):
        with pytest.raises(PeerError) as raised:
            demo.submit(liar, "AttestVerdict", "demo", 1, H1, with_counts(result, nested(depth)))
        codes.add(refusal(raised.value))
        assert demo.read(A, "ReadRoundStatus", "demo", 1)["attestations"] == {}
    assert codes == {"BAD_ATTESTATION", "BAD_JSON"}
    assert demo.submit(A, "CloseVerdicts", "demo", 1, "too late")["outcomes"] == {H1: "missing"}


@pytest.mark.slow
@pytest.mark.parametrize("begin", [plain, semi_honest])
def test_attestations_take_no_megabytes(make: Make, begin: Callable[[Make], Any]) -> None:
    demo, liar, result = begin(make)
    megabyte = json.dumps({f"x{i}": 0 for i in range(60_000)})
    for counts in (megabyte, json.dumps({"total": "9" * 500_000}), json.dumps({"total": 10**18}), '{"total":1e3}'):
        with pytest.raises(PeerError):
            demo.submit(liar, "AttestVerdict", "demo", 1, H1, with_counts(result, counts))
    for wrong in ({"quality": 10**7}, {"reason": "Z" * 64}, {"accepted": True, "reason": "RULE"}):
        with pytest.raises(PeerError, match="BAD_ATTESTATION"):
            demo.submit(liar, "AttestVerdict", "demo", 1, H1, result | wrong)
    demo.submit(liar, "AttestVerdict", "demo", 1, H1, result)
    assert len(json.dumps(demo.read(A, "ReadRoundStatus", "demo", 1))) < 4096
