# SPDX-License-Identifier: Apache-2.0
"""Proxies: never for loopback, the environment's or the profile's elsewhere, named where the connection fails."""

import socket
from collections.abc import Callable

import grpc
import pytest

from medquorum.gateway import GatewayError
from medquorum.gateway.connection.channel import tls_channel
from medquorum.gateway.connection.proxy import route
from medquorum.gateway.failures import gateway_error

FirstBytes = Callable[[str, str], bytes]
VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")
AWAY = "peer.hospital.invalid:7051"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def first_bytes(certificate: bytes) -> FirstBytes:
    """Return what tells what a listener gets from a channel to ``endpoint``; both may name the listener's port."""

    def listen(endpoint: str, proxy: str) -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            listener.settimeout(20)
            with tls_channel(endpoint.format(port=port), certificate, "peer", proxy.format(port=port)) as channel:
                call = channel.unary_unary("/a.Service/Call").future(b"", wait_for_ready=True)
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(20)
                    received = connection.recv(200)
                call.cancel()
                return received

    return listen


@pytest.mark.parametrize("name", [*VARIABLES, *(name.upper() for name in VARIABLES)])
def test_loopback_is_reached_whatever_the_environment_says(
    name: str, monkeypatch: pytest.MonkeyPatch, first_bytes: FirstBytes
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    for endpoint in ("127.0.0.1:{port}", "localhost:{port}"):
        assert first_bytes(endpoint, "environment").startswith(b"\x16\x03")  # TLS, not CONNECT
    monkeypatch.setenv(name, "http://proxy.example.com:3128")
    assert route(AWAY, "environment").named_by == name


def test_a_profile_may_name_a_proxy_or_none(monkeypatch: pytest.MonkeyPatch, first_bytes: FirstBytes) -> None:
    assert first_bytes(AWAY, "127.0.0.1:{port}").startswith(f"CONNECT {AWAY}".encode())
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert route(AWAY, "none").options == (("grpc.enable_http_proxy", 0),)
    assert route(AWAY, "none").named_by == ""


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_exceptions_are_honoured(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv(name, "other.example.com,.hospital.invalid")
    assert route(AWAY, "environment").named_by == ""
    assert route("elsewhere.invalid:7051", "environment").named_by == "https_proxy"


def test_what_fails_through_a_proxy_names_the_variable() -> None:
    class Unavailable(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

        def details(self) -> str:
            return "failed to connect to all addresses"

        def trailing_metadata(self) -> None:
            return None

    plain = gateway_error(Unavailable(), GatewayError, "evaluate")
    assert "proxy" not in plain.remedy
    proxied = gateway_error(Unavailable(), GatewayError, "evaluate", proxied="https_proxy")
    assert "through the proxy that https_proxy names" in proxied.remedy
    assert "client.proxy" in proxied.remedy
