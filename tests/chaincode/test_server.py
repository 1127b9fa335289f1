# SPDX-License-Identifier: Apache-2.0
"""The chaincode process: its environment, and that it serves and stops."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from medquorum.chaincode.server import make_node, make_settings
from medquorum.errors import ConfigError
from medquorum.network.identity.authority import Validity, new_authority
from medquorum_testing.chaincode.fake_peer import FakePeer


def test_environment(tmp_path: Path) -> None:
    node = make_node({"MEDQUORUM_MSP_ID": "VerifierAMSP", "MEDQUORUM_VERIFICATION_DIR": str(tmp_path)})
    assert node.msp_id == "VerifierAMSP"
    node.job_runner.close()


@pytest.mark.parametrize("msp", ["", "two words", "x" * 65])
def test_bad_msp(msp: str) -> None:
    with pytest.raises(ConfigError, match="MEDQUORUM_MSP_ID"):
        make_node({"MEDQUORUM_MSP_ID": msp})


def test_founding_hash() -> None:
    node = make_node({"MEDQUORUM_MSP_ID": "AMSP", "MEDQUORUM_CONSORTIUM_HASH": "5" * 64})
    assert node.founding == "5" * 64
    node.job_runner.close()
    with pytest.raises(ConfigError, match="MEDQUORUM_CONSORTIUM_HASH is"):
        make_node({"MEDQUORUM_MSP_ID": "AMSP", "MEDQUORUM_CONSORTIUM_HASH": "consortium.toml"})


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a directory"):
        make_node({"MEDQUORUM_MSP_ID": "AMSP", "MEDQUORUM_VERIFICATION_DIR": str(tmp_path / "none")})


LISTENING = {"CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CHAINCODE_ID": "medquorum:1"}


def test_no_stranger_is_taken_for_the_peer(tmp_path: Path) -> None:
    key, certificate = new_authority("tlsca", "one.example.com", Validity.years(1)).issue("peer", None, [], tls=True)
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    own = {"CHAINCODE_TLS_KEY": str(tmp_path / "key"), "CHAINCODE_TLS_CERT": str(tmp_path / "crt")}
    for environment in (LISTENING, LISTENING | own):
        with pytest.raises(ConfigError, match=r"anybody who reaches 127\.0\.0\.1:0 would be taken for the peer"):
            make_settings(environment)
    known = make_settings(LISTENING | own | {"CHAINCODE_CLIENT_CA_CERT": str(tmp_path / "crt")})
    assert known.tls is not None
    assert known.tls.client_ca == (tmp_path / "crt").read_bytes()
    assert make_settings(LISTENING | {"CHAINCODE_TLS_DISABLED": "true"}).tls is None


def run(**environment: str) -> subprocess.Popen[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CHAINCODE_", "CORE_", "MEDQUORUM_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "medquorum.chaincode"],
        env=inherited | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_process_serves_and_stops() -> None:
    with run(MEDQUORUM_MSP_ID="VerifierAMSP", CHAINCODE_TLS_DISABLED="true", **LISTENING) as p:
        assert p.stderr is not None
        try:
            line = p.stderr.readline()
            found = re.search(r'"address": "([^"]+)"', line)
            assert found, line
            with FakePeer(found[1]) as peer:
                response = peer.invoke("org.hyperledger.fabric:GetMetadata")
                assert b'"VerifyUpdate"' in response.payload
        finally:
            p.send_signal(signal.SIGTERM)
        assert p.wait(20) == 0


@pytest.mark.slow
def test_process_says_what_is_missing() -> None:
    with run(MEDQUORUM_MSP_ID="VerifierAMSP") as p:
        assert p.stderr is not None
        assert p.wait(60) == ConfigError.exit_code
        assert "CHAINCODE_SERVER_ADDRESS is not set" in p.stderr.read()
