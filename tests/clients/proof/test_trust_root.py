# SPDX-License-Identifier: Apache-2.0
"""Whose word counts: the caller's file, then every change a quorum of the one before endorsed, from its block on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.proof import trust_root
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Evidence
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.errors import CheckFailed, ConfigError

NOBODY = Authorities({})
ROOT = Endorsers(["AMSP", "BMSP"], 2, NOBODY)


def version(sequence: int, verifiers: list[str], quorum: int, hospital: str = "HMSP") -> dict[str, Any]:
    members = {hospital: ["hospital"]} | {msp: ["coordinator", "verifier"] for msp in verifiers}
    return {"docType": "consortium", "ledger_format": 2, "sequence": sequence, "quorum": quorum, "members": members}


def followed(
    monkeypatch: pytest.MonkeyPatch, *versions: dict[str, Any]
) -> tuple[trust_root.EndorserHistory, list[tuple[int, int]]]:
    """Follow versions of which the one with sequence n is in block 10 n; return also who endorsed which."""
    asked: list[tuple[int, int]] = []

    def checked(chain: Any, ledger: Any, claims: Any, endorsers: Endorsers) -> list[Evidence]:
        (claim,) = claims
        asked.append((claim.document.sequence, endorsers.quorum))
        return [Evidence(claim.name, "t", 10 * claim.document.sequence, [])]

    monkeypatch.setattr(trust_root, "check_claims", checked)
    monkeypatch.setattr(trust_root, "history", lambda *_: [{"document": one} for one in reversed(versions)])
    given: Any = None
    return trust_root.endorser_history(given, given, ROOT), asked


def test_each_change_is_endorsed_by_those_before_and_judges_from_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = followed(
        monkeypatch,
        version(1, ["AMSP", "BMSP"], 2),
        version(2, ["AMSP", "BMSP"], 2, "NewMSP"),
        version(3, ["AMSP", "BMSP", "CMSP"], 3),
        version(4, ["AMSP", "BMSP", "CMSP"], 2),
    )
    assert asked == [(3, 2), (4, 3)], "a hospital more changes nothing about who endorses"
    assert [found.at(block).quorum for block in (0, 20, 30, 31, 40, 41, 999)] == [2, 2, 2, 3, 3, 2, 2]
    assert found.at(31).verifiers == ["AMSP", "BMSP", "CMSP"]


def test_what_was_before_the_callers_file_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = followed(monkeypatch, version(1, ["AMSP"], 1), version(2, ["AMSP", "BMSP"], 2))
    assert (asked, found.at(0).quorum) == ([], 2)


def test_a_ledger_that_never_had_the_callers_quorum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckFailed, match="never had the quorum of 2 of AMSP, BMSP") as caught:
        followed(monkeypatch, version(1, ["AMSP"], 1))
    assert caught.value.check == "consortium"


@pytest.mark.parametrize(
    "text", ["quorum = 1", "not toml", "quorum = 3\n[[organisations]]\nmsp_id = 'A'\nroles = ['verifier']"]
)
def test_a_file_that_does_not_say_who_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "consortium.toml").write_text(text)
    with pytest.raises(ConfigError):
        trust_root.read_root(tmp_path / "organizations" / "peerOrganizations", None)
    with pytest.raises(ConfigError, match="does not say who the verifiers are"):
        trust_root.read_root(tmp_path, tmp_path / "nowhere.toml")
