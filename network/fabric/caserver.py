# SPDX-License-Identifier: Apache-2.0
"""An organisation's Fabric CA, run on its own host while certificates are issued.

One server with two authorities, each with a root, keys and registry of its own: ``ca`` for signing, ``tlsca`` for TLS.
It listens on 127.0.0.1 and ends when the certificates are there. Its home stays: roots, keys, registries, and the
registrar's secrets in configuration files that only their owner reads. Started there again it does whatever else a
Fabric CA does, such as more identities and revocation.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from medquorum import NetworkError
from network.crypto import Issuers
from network.fabric.caclient import REGISTRAR, FabricAuthority
from network.privatefile import write_private
from network.waiting import await_true, last_lines

__all__ = ["REMEDY", "SERVER", "fabric_ca", "find_server"]

SERVER = "fabric-ca-server"
CONFIGURATION = "fabric-ca-server-config.yaml"
LIFETIME = "87600h"
"""Of the certificates: ten years, as of those that are made without Fabric CA."""
START_SECONDS = 30
REMEDY = "Get it with the official release: `install-fabric.sh binary`; or leave Fabric CA out: --no-fabric-ca"


def find_server() -> Path | None:
    """Find Fabric CA's server: in ``FABRIC_BIN``, on ``PATH``, or in ``~/fabric/bin``; None where it is not."""
    given = os.environ.get("FABRIC_BIN")
    places = [given] if given else [os.environ.get("PATH", os.defpath), str(Path.home() / "fabric/bin")]
    found = shutil.which(SERVER, path=os.pathsep.join(places))
    return None if found is None else Path(found)


@contextmanager
def fabric_ca(server: Path, home: Path, domain: str) -> Iterator[Issuers]:
    """Run an organisation's Fabric CA while it issues; what its home holds already stays.

    Raises
    ------
    NetworkError
        The server ends, does not answer (`StartTimeout`) or refuses.
    """
    names = [f"{kind}.{domain}" for kind in Issuers._fields]
    files = [home / CONFIGURATION, home / Issuers._fields[1] / CONFIGURATION]
    for name, file in zip(names, files, strict=True):
        if not file.exists():
            write_private(file, yaml.safe_dump(_configuration(name)))
    with ExitStack() as stack:
        port = stack.enter_context(_running(server, home, files[1]))
        trusted = ssl.create_default_context(cafile=str(home / "ca-cert.pem"))
        yield Issuers(
            *(FabricAuthority(port, trusted, name, _secret(file)) for name, file in zip(names, files, strict=True))
        )


@contextmanager
def _running(server: Path, home: Path, second: Path) -> Iterator[int]:
    """Run the server with its second authority's configuration; gives its port."""
    port, operations = _free_ports()
    log = home / "server.log"
    command = [str(server), "start", "--home", str(home), "--cafiles", str(second)]
    command += ["--address", "127.0.0.1", "--port", str(port)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("FABRIC_CA")}
    env["FABRIC_CA_SERVER_OPERATIONS_LISTENADDRESS"] = f"127.0.0.1:{operations}"
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        await_true(lambda: process.poll() is not None or _listens(port), START_SECONDS, f"{SERVER} is not up", log)
        if process.poll() is not None:
            raise NetworkError(f"{SERVER} ended with {process.returncode}", f"See {log}: {last_lines(log)}")
        yield port
    finally:
        process.terminate()
        process.wait()


def _configuration(name: str) -> dict[str, Any]:
    """Make an authority's configuration; the rest is Fabric CA's default. No affiliations: the NodeOU is the type."""
    everything = {"hf.Registrar.Roles": "*", "hf.Registrar.DelegateRoles": "*", "hf.Registrar.Attributes": "*"}
    may = everything | {"hf.Revoker": True, "hf.GenCRL": True}
    registrar = {"name": REGISTRAR, "pass": secrets.token_urlsafe(32), "type": "client", "attrs": may}
    tls = ["digital signature", "key encipherment", "server auth", "client auth"]
    return {
        "tls": {"enabled": True},
        "ca": {"name": name},
        "registry": {"maxenrollments": -1, "identities": [registrar]},
        "affiliations": {},
        "signing": {
            "default": {"usage": ["digital signature"], "expiry": LIFETIME},
            "profiles": {"tls": {"usage": tls, "expiry": LIFETIME}},
        },
        "csr": {"cn": name, "keyrequest": {"algo": "ecdsa", "size": 256}, "hosts": ["localhost", "127.0.0.1"]},
    }


def _secret(file: Path) -> str:
    """Read the registrar's secret."""
    return str(yaml.safe_load(file.read_text())["registry"]["identities"][0]["pass"])


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
