# SPDX-License-Identifier: Apache-2.0
"""The server as a process: settings from the environment, TLS, a taken port, SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from medquorum.shim import ChaincodeServer, ConfigError, ListenError, ServerSettings, TlsSettings
from medquorum.shim.executor import BoundedExecutor
from medquorum_testing.chaincode import asset_chaincode
from medquorum_testing.chaincode.asset_chaincode import AssetChaincode
from medquorum_testing.chaincode.fake_peer import FakePeer, response_of
from medquorum_testing.network.ports import free_port_base
from medquorum_testing.silence import assert_silent_connections_end


def self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chaincode")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "client"):
        key, certificate = self_signed()
        (folder / f"{name}.key").write_bytes(key)
        (folder / f"{name}.crt").write_bytes(certificate)
    (folder / "junk").write_bytes(b"junk")
    return {path.name: str(path) for path in folder.iterdir()}


BASE = {"CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CHAINCODE_ID": "a:b"}


def test_settings_without_tls() -> None:
    for more in ({}, {"CHAINCODE_TLS_DISABLED": "true"}, {"CORE_CHAINCODE_ID_NAME": "a:b"}, {"CHAINCODE_TLS_KEY": " "}):
        assert ServerSettings.from_environment(BASE | more) == ServerSettings("127.0.0.1:0", "a:b")
    only_core = {"CHAINCODE_SERVER_ADDRESS": "[::1]:9999", "CORE_CHAINCODE_ID_NAME": "a:b"}
    assert ServerSettings.from_environment(only_core).chaincode_id == "a:b"


@pytest.mark.parametrize("address", ["0.0.0.0:9999", "[::]:9999", "10.0.0.7:9999", "verifiera.example.com:9999"])
def test_without_tls_only_this_host_is_listened_to_unless_said(address: str) -> None:
    elsewhere = BASE | {"CHAINCODE_SERVER_ADDRESS": address}
    with pytest.raises(ConfigError, match="without TLS anybody who reaches"):
        ServerSettings.from_environment(elsewhere)
    assert ServerSettings.from_environment(elsewhere | {"CHAINCODE_TLS_DISABLED": "true"}).tls is None
    for here in ("localhost:9999", "127.0.0.1:9999"):
        assert ServerSettings.from_environment(BASE | {"CHAINCODE_SERVER_ADDRESS": here}).tls is None


def test_settings_with_tls(files: dict[str, str]) -> None:
    named = {"CHAINCODE_TLS_KEY": files["server.key"], "CHAINCODE_TLS_CERT": files["server.crt"]}
    for more in ({}, {"CHAINCODE_TLS_DISABLED": "false"}):
        tls = ServerSettings.from_environment(BASE | named | more).tls
        assert tls is not None
        assert tls.client_ca is None
        assert "PRIVATE" not in repr(tls)
    client_ca = {"CHAINCODE_CLIENT_CA_CERT": files["client.crt"]}
    tls = ServerSettings.from_environment(BASE | named | client_ca).tls
    assert tls is not None
    assert tls.client_ca == Path(files["client.crt"]).read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"CHAINCODE_SERVER_ADDRESS": ""}, "CHAINCODE_SERVER_ADDRESS is not set"),
        ({"CHAINCODE_SERVER_ADDRESS": "9999"}, "is not HOST:PORT"),
        ({"CHAINCODE_SERVER_ADDRESS": "host:99999"}, "is not HOST:PORT"),
        ({"CHAINCODE_ID": ""}, "CHAINCODE_ID is not set"),
        ({"CORE_CHAINCODE_ID_NAME": "c:d"}, "name different packages"),
        ({"CHAINCODE_TLS_DISABLED": "maybe"}, "CHAINCODE_TLS_DISABLED is 'maybe'"),
        ({"CHAINCODE_TLS_DISABLED": "false"}, "CHAINCODE_TLS_KEY is not set"),
        ({"CHAINCODE_TLS_KEY": "server.key"}, "CHAINCODE_TLS_CERT is not set"),
        ({"CHAINCODE_CLIENT_CA_CERT": "client.crt"}, "CHAINCODE_TLS_KEY is not set"),
        ({"CHAINCODE_TLS_DISABLED": "true", "CHAINCODE_TLS_KEY": "server.key"}, "CHAINCODE_TLS_DISABLED is true but"),
        ({"CHAINCODE_TLS_KEY": "absent", "CHAINCODE_TLS_CERT": "server.crt"}, "cannot be read: No such file"),
        ({"CHAINCODE_TLS_KEY": "junk", "CHAINCODE_TLS_CERT": "server.crt"}, "not an unencrypted PEM key"),
        ({"CHAINCODE_TLS_KEY": "server.key", "CHAINCODE_TLS_CERT": "junk"}, "not a PEM certificate"),
        ({"CHAINCODE_TLS_KEY": "client.key", "CHAINCODE_TLS_CERT": "server.crt"}, "does not belong"),
    ],
)
def test_settings_that_cannot_be(files: dict[str, str], change: dict[str, str], said: str) -> None:
    environment = BASE | {name: files.get(value, value) for name, value in change.items()}
    with pytest.raises(ConfigError, match=said):
        ServerSettings.from_environment(environment)


@contextmanager
def running(tls: TlsSettings | None) -> Iterator[str]:
    server = ChaincodeServer(AssetChaincode(), ServerSettings("127.0.0.1:0", "a:b", tls))
    server.start()
    try:
        yield server.address
    finally:
        server.stop(grace=0.1)


def pem(files: dict[str, str], name: str) -> bytes:
    return Path(files[name]).read_bytes()


def test_tls(files: dict[str, str]) -> None:
    with running(TlsSettings(pem(files, "server.key"), pem(files, "server.crt"))) as address:
        with FakePeer(address, credentials=grpc.ssl_channel_credentials(pem(files, "server.crt"))) as peer:
            assert peer.invoke("Echo").status == 200
        with FakePeer(address) as plain:
            assert plain.ended.wait(10)
            assert not plain.registered.is_set()


@pytest.mark.slow
def test_silent_connections_are_dropped(files: dict[str, str]) -> None:
    tls = TlsSettings(pem(files, "server.key"), pem(files, "server.crt"), pem(files, "client.crt"))
    with running(tls) as address:
        assert_silent_connections_end(address)


def test_client_certificates(files: dict[str, str]) -> None:
    tls = TlsSettings(pem(files, "server.key"), pem(files, "server.crt"), pem(files, "client.crt"))
    root = pem(files, "server.crt")
    good = grpc.ssl_channel_credentials(root, pem(files, "client.key"), pem(files, "client.crt"))
    with running(tls) as address:
        with FakePeer(address, credentials=good) as peer:
            assert peer.invoke("Echo").status == 200
        for credentials in (
            grpc.ssl_channel_credentials(root),
            grpc.ssl_channel_credentials(root, pem(files, "server.key"), pem(files, "server.crt")),
        ):
            with FakePeer(address, credentials=credentials) as stranger:
                assert stranger.ended.wait(10)
                assert not stranger.registered.is_set()


def test_a_taken_port_is_an_error() -> None:
    with running(None) as address, pytest.raises(ListenError, match="cannot listen"):
        ChaincodeServer(AssetChaincode(), ServerSettings(address, "a:b")).start()


def test_sigterm_finishes_what_runs(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port_base(1)}"
    process = subprocess.Popen(
        [sys.executable, asset_chaincode.__file__],
        cwd=tmp_path,
        env=os.environ | BASE | {"CHAINCODE_SERVER_ADDRESS": address},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "chaincode listening" in process.stdout.readline()
        with FakePeer(address) as peer:
            assert peer.invoke("Echo").status == 200
            slow = peer.start("Slow", "500")
            assert peer.invoke("Put", "k", "v").status == 200
            process.send_signal(signal.SIGTERM)
            assert response_of(slow.result(5)).status == 200
            assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_executor_bounds_bytes_but_always_takes_one() -> None:
    ran = []
    executor = BoundedExecutor(workers=1, tasks=10, size=100)
    assert executor.submit(lambda: ran.append(1), 1000)
    assert executor.close(5)
    assert ran == [1]
    assert not executor.submit(lambda: ran.append(2), 1)
