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
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from medquorum.core.private_files import write_private
from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import AnyOrganisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.binaries import places
from medquorum.network.fabric.ca_client import REGISTRAR, FabricAuthority
from medquorum.network.identity.crypto import Issuers
from medquorum.network.supervision.processes import NETWORK_VARIABLE, end
from medquorum.network.supervision.waiting import await_true, last_lines

__all__ = ["CONFIGURATION", "REMEDY", "SERVER", "fabric_ca", "find_server", "has_root"]

SERVER = "fabric-ca-server"
CONFIGURATION = "fabric-ca-server-config.yaml"
ROOT = "ca-cert.pem"
LIFETIME = "87600h"
"""Of the certificates: ten years, as of those that are made without Fabric CA."""
START_SECONDS = 30
REMEDY = "Get it with the official release: `install-fabric.sh binary`; or leave Fabric CA out: --no-fabric-ca"


def find_server() -> Path | None:
    """Find Fabric CA's server: in ``FABRIC_BIN``, or else where Fabric's programs are looked for; None without it."""
    given = os.environ.get("FABRIC_BIN")
    folders = [Path(given).expanduser()] if given else places(SERVER)
    servers = [folder / SERVER for folder in folders if os.access(folder / SERVER, os.X_OK)]
    return servers[0].resolve() if servers else None


def has_root(home: Path) -> bool:
    """Whether a Fabric CA has begun in its home; without a root nothing was issued there."""
    return (home / ROOT).exists()


@contextmanager
def fabric_ca(server: Path, folder: NetworkFolder, organisation: AnyOrganisation) -> Iterator[Issuers]:
    """Run an organisation's Fabric CA while it issues; what its home holds already stays.

    Raises
    ------
    NetworkError
        The server ends, does not answer (`StartTimeout`) or refuses.
    """
    home = folder.fabric_ca(organisation)
    names = [f"{kind}.{organisation.domain}" for kind in Issuers._fields]
    files = [home / CONFIGURATION, home / Issuers._fields[1] / CONFIGURATION]
    for name, file in zip(names, files, strict=True):
        if not file.exists():
            write_private(file, yaml.safe_dump(_configuration(name)))
    with ExitStack() as stack:
        port = stack.enter_context(_running(server, home, files[1], {NETWORK_VARIABLE: str(folder.root.resolve())}))
        trusted = ssl.create_default_context(cafile=str(home / ROOT))
        yield Issuers(
            *(FabricAuthority(port, trusted, name, _secret(file)) for name, file in zip(names, files, strict=True))
        )


@contextmanager
def _running(server: Path, home: Path, second: Path, marked: Mapping[str, str]) -> Iterator[int]:
    """Run the server with its second authority's configuration, ``marked`` as the network's; return its port."""
    port, operations = _free_ports()
    log = home / "server.log"
    command = [str(server), "start", "--home", str(home), "--cafiles", str(second)]
    command += ["--address", "127.0.0.1", "--port", str(port)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("FABRIC_CA")}
    env |= {"FABRIC_CA_SERVER_OPERATIONS_LISTENADDRESS": f"127.0.0.1:{operations}", **marked}
    with log.open("ab") as output:
        try:
            process = psutil.Popen(command, cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        except OSError as error:
            raise NetworkError(f"{server} does not run: {error}", REMEDY) from error
    try:
        await_true(lambda: process.poll() is not None or _listens(port), START_SECONDS, f"{SERVER} is not up", log)
        if process.poll() is not None:
            raise NetworkError(f"{SERVER} ended with {process.returncode}", f"See {log}: {last_lines(log)}")
        yield port
    finally:
        end([process])
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
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
