# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import example, given
from hypothesis import strategies as st

from medquorum.gateway import (
    ConfigError,
    TlsIdentity,
    connect_environment,
    connect_profile,
    read_identity,
    read_profile,
)
from medquorum.gateway.connection.channel import shared_channel

ROOT = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
PROFILE: dict[str, Any] = {
    "name": "network-org1",
    "version": "1.0.0",
    "client": {"organization": "Org1", "connection": {"timeout": {"peer": {"endorser": "300"}}}},
    "organizations": {
        "Org1": {"mspid": "Org1MSP", "peers": ["peer0.org1.example.com"], "certificateAuthorities": ["ca"]},
        "Org2": {"mspid": "Org2MSP", "peers": ["peer0.org2.example.com"]},
    },
    "peers": {
        "peer0.org1.example.com": {
            "url": "grpcs://localhost:7051",
            "tlsCACerts": {"pem": ROOT},
            "grpcOptions": {
                "ssl-target-name-override": "peer0.org1.example.com",
                "hostnameOverride": "peer0.org1.example.com",
            },
        }
    },
    "certificateAuthorities": {"ca": {"url": "https://localhost:7054"}},
}


def write(folder: Path, profile: object, name: str = "connection-org1.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(profile) if name.endswith("json") else yaml.safe_dump(profile))
    return path


@pytest.fixture
def wallet(tmp_path: Path, certificate: bytes, key_pem: bytes) -> Callable[..., Path]:
    def store(label: str = "User1@org1.example.com", msp_id: str = "Org1MSP", **changes: object) -> Path:
        stored = {
            "credentials": {"certificate": certificate.decode(), "privateKey": key_pem.decode()},
            "mspId": msp_id,
            "type": "X.509",
            "version": 1,
        } | changes
        folder = tmp_path / "wallet"
        folder.mkdir(exist_ok=True)
        (folder / f"{label}.id").write_text(json.dumps(stored))
        return folder

    return store


@pytest.mark.parametrize("name", ["connection-org1.json", "connection-org1.yaml"])
def test_json_and_yaml_say_the_same(tmp_path: Path, name: str) -> None:
    profile = read_profile(write(tmp_path, PROFILE, name))
    assert (profile.name, profile.msp_id, profile.endpoint) == ("Org1", "Org1MSP", "localhost:7051")
    assert profile.server_name == "peer0.org1.example.com"
    assert profile.root_certificates == ROOT.encode()


def test_a_root_that_is_no_text_is_no_exception(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(PROFILE).replace("AA==", "\\ud800"))
    assert b"?" in read_profile(path).root_certificates


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    changed = copy.deepcopy(PROFILE)
    changed["peers"]["peer0.org1.example.com"] |= {"tlsCACerts": {"path": "tlsca/ca.pem"}, "grpcOptions": {}}
    (tmp_path / "tlsca").mkdir()
    (tmp_path / "tlsca" / "ca.pem").write_text(ROOT)
    profile = read_profile(write(tmp_path, changed))
    assert (profile.root_certificates, profile.server_name) == (ROOT.encode(), "")


def test_the_clients_tls_certificate_is_read_when_it_is_needed(tmp_path: Path, certificate: bytes) -> None:
    changed = copy.deepcopy(PROFILE)
    assert read_profile(write(tmp_path, changed)).tls() is None
    changed["client"]["tlsCerts"] = {"client": {"cert": {"path": "tls/client.crt"}, "key": {"pem": "the key"}}}
    profile = read_profile(write(tmp_path, changed))
    with pytest.raises(ConfigError, match=r"client\.tlsCerts\.client\.cert: .* cannot be read"):
        profile.tls()
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "client.crt").write_bytes(certificate)
    own = profile.tls()
    assert own == TlsIdentity(certificate, b"the key")
    assert own.hash == x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())
    assert "the key" not in repr(own)
    with pytest.raises(ConfigError, match="TLS client certificate cannot be read"):
        _ = TlsIdentity(b"none", b"").hash


def peer(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda profile: profile["peers"]["peer0.org1.example.com"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: p.pop("client"), "client"),
        (lambda p: p["peers"]["peer0.org1.example.com"].update(url="grpcs://["), "is wrong: Invalid IPv6 URL"),
        (lambda p: p["peers"]["peer0.org1.example.com"].update(tlsCACerts={"path": "a\0b"}), "cannot be read"),
        (lambda p: p["client"].update(organization="Org9"), "Org9 is not among"),
        (lambda p: p["client"].update(organization="Org2"), r"peer0\.org2\.example\.com .* not among the peers"),
        (lambda p: p["organizations"]["Org1"].update(peers=[]), "peers"),
        (lambda p: p["organizations"]["Org1"].update(mspid=""), "mspid"),
        (peer("url", "grpc://localhost:7051"), "grpcs://host:port"),
        (peer("url", "grpcs://localhost"), "grpcs://host:port"),
        (peer("url", "grpcs://localhost:99999"), "url"),
        (peer("tlsCACerts", {}), "neither path nor pem"),
        (peer("tlsCACerts", {"path": "absent.pem"}), "cannot be read"),
    ],
)
def test_wrong_profiles_say_what_is_wrong(tmp_path: Path, change: Callable[[Any], object], text: str) -> None:
    changed = copy.deepcopy(PROFILE)
    change(changed)
    with pytest.raises(ConfigError, match=text):
        read_profile(write(tmp_path, changed))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"a: [b", b"\xff\xfe\x00", b"!!int ''", b"!!bool no way", b"!!timestamp soon"]
)
def test_files_that_are_no_profile_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "connection.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="connection profile"):
        read_profile(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "absent.json")


@pytest.mark.slow
@given(st.text() | st.binary())
@example("2001-13-45")
@example("[" * 2000)
@example("? [a]\n: b")
def test_any_content_is_refused_plainly(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-profile"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError):
        read_profile(path)
    with pytest.raises(ConfigError):
        read_identity_of(path)


def read_identity_of(path: Path) -> None:
    path.with_name("any.id").write_bytes(path.read_bytes())
    read_identity(path.parent, "any")


def test_a_wallet_gives_identity_and_signer(wallet: Callable[..., Path]) -> None:
    identity, sign = read_identity(wallet(), "User1@org1.example.com")
    assert identity.msp_id == "Org1MSP"
    assert sign(b"d" * 32)


def test_an_absent_label_names_the_present_ones(wallet: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"no identity Nobody. It holds: User1@org1\.example\.com"):
        read_identity(wallet(), "Nobody")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mspId": ""}, "mspId"),
        ({"type": "HSM-X.509"}, "type"),
        ({"version": 2}, "version"),
        ({"credentials": {"certificate": "SECRET"}}, "credentials.privateKey"),
        ({"credentials": {"certificate": "SECRET", "privateKey": "SECRET", "more": "SECRET"}}, "credentials.more"),
        ({"credentials": {"certificate": "SECRET", "privateKey": "SECRET"}}, "certificate of Org1MSP"),
    ],
)
def test_wrong_wallet_files_are_refused_without_their_secrets(
    wallet: Callable[..., Path], changes: dict[str, object], text: str
) -> None:
    folder = wallet(**changes)
    with pytest.raises(ConfigError, match=text) as caught:
        read_identity(folder, "User1@org1.example.com")
    assert "SECRET" not in str(caught.value)


def test_connect_profile_finds_the_wallet_beside_it(tmp_path: Path, wallet: Callable[..., Path]) -> None:
    wallet()
    path = write(tmp_path, PROFILE)
    for label in ("User1", "User1@org1.example.com"):
        with connect_profile(path, label, evaluate_timeout=1) as gateway:
            assert gateway.identity.msp_id == "Org1MSP"
    wallet("User1@other.example.com")
    with pytest.raises(ConfigError, match="no identity User1"):
        connect_profile(path, "User1")


def test_profile_and_wallet_must_agree(tmp_path: Path, wallet: Callable[..., Path]) -> None:
    wallet(msp_id="Org2MSP")
    with pytest.raises(ConfigError, match="Org2MSP"):
        connect_profile(write(tmp_path, PROFILE), "User1")


def test_gateways_to_one_endpoint_share_a_channel() -> None:
    first, release_first = shared_channel("localhost:1", ROOT.encode())
    second, release_second = shared_channel("localhost:1", ROOT.encode())
    other, release_other = shared_channel("localhost:2", ROOT.encode())
    assert first is second
    assert other is not first
    release_first()
    release_first()
    third, release_third = shared_channel("localhost:1", ROOT.encode())
    assert third is first
    release_second()
    release_third()
    fourth, release_fourth = shared_channel("localhost:1", ROOT.encode())
    assert fourth is not first
    release_fourth()
    release_other()


def test_the_samples_environment(tmp_path: Path, certificate: bytes, key_pem: bytes) -> None:
    crypto = tmp_path / "org1.example.com"
    files = {
        "users/User1@org1.example.com/msp/signcerts/cert.pem": certificate,
        "users/User1@org1.example.com/msp/keystore/priv_sk": key_pem,
        "peers/peer0.org1.example.com/tls/ca.crt": ROOT.encode(),
    }
    for name, content in files.items():
        (crypto / name).parent.mkdir(parents=True)
        (crypto / name).write_bytes(content)
    environment = {"MSP_ID": "Org1MSP", "CRYPTO_PATH": str(crypto), "PEER_ENDPOINT": "localhost:7051"}
    with connect_environment(environment) as gateway:
        assert gateway.identity.certificate == certificate
    for missing, text in (("MSP_ID", "MSP_ID"), ("PEER_ENDPOINT", "PEER_ENDPOINT"), ("CRYPTO_PATH", "CRYPTO_PATH")):
        with pytest.raises(ConfigError, match=text):
            connect_environment({k: v for k, v in environment.items() if k != missing})
    with pytest.raises(ConfigError, match="holds no file"):
        connect_environment(environment | {"KEY_DIRECTORY_PATH": str(tmp_path / "absent")})
    with pytest.raises(ConfigError, match="cannot be read"):
        connect_environment(environment | {"TLS_CERT_PATH": str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("given", "read"),
    [(None, "environment"), ("none", "none"), ("proxy.example.com:3128", "proxy.example.com:3128")],
)
def test_a_profile_says_which_proxy_is_used(given: str | None, read: str, tmp_path: Path) -> None:
    document = copy.deepcopy(PROFILE)
    if given is not None:
        document["client"]["proxy"] = given
    assert read_profile(write(tmp_path, document)).proxy == read


@pytest.mark.parametrize("wrong", ["http://proxy:3128", "proxy", "user:secret@proxy:3128", 3128])
def test_a_proxy_of_another_form_is_refused(wrong: object, tmp_path: Path) -> None:
    document = copy.deepcopy(PROFILE)
    document["client"]["proxy"] = wrong
    with pytest.raises(ConfigError, match=r"client\.proxy"):
        read_profile(write(tmp_path, document))
