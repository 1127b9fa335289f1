# SPDX-License-Identifier: Apache-2.0
"""Where the pages may be served: this machine alone, or with TLS and under the certificate's names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from starlette.testclient import TestClient

from medquorum.clients.dashboard.web.access import Access
from medquorum.clients.dashboard.web.app import application
from medquorum.clients.dashboard.web.listening import Listening
from medquorum.errors import ConfigError
from medquorum.network.identity.authority import Validity, new_authority
from medquorum_testing.dashboard.served import Dashboard


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "192.0.2.1"])
def test_other_machines_need_tls(host: str) -> None:
    with pytest.raises(ConfigError, match="there is no TLS"):
        Listening.checked(host, 0, None, None)


def test_a_loopback_address_has_its_names() -> None:
    with Listening.checked("127.0.0.1", 0, None, None) as listening:
        port = listening.port
        assert listening.hosts == {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
        assert listening.address == f"http://127.0.0.1:{port}/"


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="--port"):
        Listening.checked("127.0.0.1", taken.getsockname()[1], None, None)


@pytest.mark.parametrize(
    "given", [(Path("a.pem"), None), (None, Path("a.key")), (Path("/dev/null"), Path("/dev/null"))]
)
def test_tls_files_that_cannot_be_used_are_named(given: tuple[Path | None, Path | None]) -> None:
    with pytest.raises(ConfigError):
        Listening.checked("127.0.0.1", 0, *given)


def test_with_tls_the_certificate_s_names_count(tmp_path: Path) -> None:
    issued = new_authority("tlsca", "example.com", Validity.years(1))
    _, certificate = issued.issue("dashboard", None, ["10.0.0.7", "::1", "dashboard.example.com"], tls=True)
    file = tmp_path / "dashboard.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    with Listening.checked("0.0.0.0", 0, file, tmp_path / "dashboard.key") as listening:
        port = listening.port
        assert listening.address == f"https://dashboard.example.com:{port}/"
        assert {f"10.0.0.7:{port}", f"[::1]:{port}", f"dashboard.example.com:{port}"} <= listening.hosts
        assert f"evil.example:{port}" not in listening.hosts


def test_over_tls_the_cookie_never_travels_without(tmp_path: Path) -> None:
    dashboard = Dashboard(tmp_path)
    guarded = Access(application(dashboard.sources), dashboard.keys, frozenset({"example.com"}), "https", "session")
    with TestClient(guarded, base_url="https://example.com", follow_redirects=False) as client:
        assert "Secure" in client.get(f"/?token={dashboard.keys.token}").headers["set-cookie"]
        assert client.get("/").status_code == 200
