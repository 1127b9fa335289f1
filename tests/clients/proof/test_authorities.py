# SPDX-License-Identifier: Apache-2.0
"""Whose certificate it is: issued by the organisation's root, or by an intermediate authority below it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medquorum.clients.proof.authorities import Authorities
from medquorum.errors import CheckFailed, ConfigError
from medquorum.network.identity.authority import Authority, Validity, new_authority
from medquorum.verifier.service.identity import Credentials
from medquorum_testing.intermediate_authority import below

YEAR = Validity.years(1)
ROOT = new_authority("ca", "a.example.com", YEAR)
BETWEEN = below(ROOT, "between")
LOWER = below(BETWEEN, "lower")


def folder(place: Path, prefix: str = "", **certificates: list[Authority]) -> Path:
    """Write the folder of one organisation, AMSP."""
    home = place / "a.example.com"
    home.mkdir()
    profile = {
        "client": {"organization": "A"},
        "organizations": {"A": {"mspid": "AMSP", "peers": ["peer0"]}},
        "peers": {"peer0": {"url": "grpcs://localhost:7051", "tlsCACerts": {"pem": ROOT.pem.decode()}}},
    }
    (home / "connection-a.json").write_text(json.dumps(profile))
    for kind, found in certificates.items():
        (home / "msp" / f"{prefix}{kind}").mkdir(parents=True)
        for index, one in enumerate(found):
            (home / "msp" / f"{prefix}{kind}" / f"{index}.pem").write_bytes(one.pem)
    return place


def test_a_chain_of_intermediates_leads_to_the_root(tmp_path: Path) -> None:
    known = Authorities.read(folder(tmp_path, cacerts=[ROOT], intermediatecerts=[LOWER, BETWEEN]))
    for issuer in (ROOT, BETWEEN, LOWER):
        _, certificate = issuer.issue("peer0", "peer")
        known.check("AMSP", certificate)
        with pytest.raises(CheckFailed, match="claims to be of BMSP"):
            known.check("BMSP", certificate)


def test_an_intermediate_that_is_not_there_vouches_for_nobody(tmp_path: Path) -> None:
    _, certificate = BETWEEN.issue("peer0", "peer")
    with pytest.raises(CheckFailed, match="not issued by its authority"):
        Authorities.read(folder(tmp_path, cacerts=[ROOT])).check("AMSP", certificate)


@pytest.mark.parametrize("stray", [LOWER, below(ROOT, "no authority", authority=False)])
def test_an_intermediate_without_a_chain_is_refused(tmp_path: Path, stray: Authority) -> None:
    with pytest.raises(ConfigError, match="is not one of these root authorities'"):
        Authorities.read(folder(tmp_path, cacerts=[ROOT], intermediatecerts=[stray]))


def test_services_know_intermediate_tls_authorities(tmp_path: Path) -> None:
    key, certificate = BETWEEN.issue("client", None, ["localhost"], tls=True)
    (tmp_path / "client.crt").write_bytes(Authority(key, certificate, YEAR).pem)
    (tmp_path / "client.key").write_bytes(b"key")
    place = folder(tmp_path, "tls", cacerts=[ROOT], intermediatecerts=[BETWEEN])
    found = Credentials.read(tmp_path, place)
    assert found.msp_of(Authority(key, certificate, YEAR).pem) == "AMSP"
    assert found.authorities == {"AMSP": [ROOT.pem, BETWEEN.pem]}
    (place / "a.example.com" / "msp" / "tlsintermediatecerts" / "1.pem").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="cannot be read"):
        Credentials.read(tmp_path, place)
