# SPDX-License-Identifier: Apache-2.0
"""Which chaincodes are deployed (``chaincodes.json``), and the processes that run them, on either network."""

from __future__ import annotations

import functools
import json
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from medquorum.core.private_files import write_private
from medquorum.errors import ConfigError
from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import LOOPBACK, Consortium, Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision import health
from medquorum.network.supervision.children import CHAINCODE_SERVER
from medquorum.network.supervision.processes import Process, processes
from medquorum.network.supervision.waiting import await_true

__all__ = [
    "DEFAULT_NAME",
    "Deployment",
    "await_listening",
    "chaincode_process",
    "command_of",
    "deployments",
    "free_slot",
    "renewed",
    "request",
    "retire",
    "save",
]

DEFAULT_NAME = "medquorum"
START_SECONDS = 60
_LABEL = re.compile(r"^[A-Za-z0-9]+([-_.+][A-Za-z0-9]+)*$")


@dataclass(frozen=True)
class Deployment:
    """A chaincode definition and how its processes run; ``slot`` numbers the port each organisation gives it."""

    channel: str
    name: str
    version: str
    policy: str
    collections: list[dict[str, Any]]
    command: list[str]
    sequence: int = 0
    package_id: str = ""
    slot: int = 0
    init: str = ""

    @property
    def label(self) -> str:
        """Name and version, as in Fabric's package labels."""
        return f"{self.name}_{self.version}"

    def process_name(self, organisation: Organisation) -> str:
        """Name of the process that serves an organisation."""
        return f"{self.label}.{organisation.domain}"

    def same_definition(self, other: Deployment) -> bool:
        """Return whether both need the same approval: all but sequence, port and command."""
        return self._approved() == other._approved()

    def _approved(self) -> tuple[object, ...]:
        return (self.channel, self.name, self.version, self.policy, self.collections, self.package_id, bool(self.init))


def request(
    consortium: Consortium,
    *,
    name: str = DEFAULT_NAME,
    version: str = "1.0",
    policy: str | None = None,
    collections: Path | None = None,
    path: Path | None = None,
    command: list[str] | None = None,
    init: str = "",
) -> Deployment:
    """Put a deployment together from what the command line gives; the roles supply the rest.

    The policy defaults to k verifiers; the collections of docs/reference/ledger.md belong to ``medquorum``.
    """
    if not _LABEL.match(f"{name}_{version}"):
        raise ConfigError(f"{name} {version} cannot be a package label", "Use letters, digits and single . _ - +")
    if collections is not None:
        private = _read_collections(collections)
    else:
        private = policies.collections(consortium) if name == DEFAULT_NAME else []
    return Deployment(
        consortium.channel.name,
        name,
        version,
        policy or policies.endorsement(consortium),
        private,
        command or command_of(path),
        init=init,
    )


def renewed(deployment: Deployment, consortium: Consortium) -> Deployment:
    """Return the same deployment for changed members: our own chaincode's collections name them."""
    if deployment.name != DEFAULT_NAME or not deployment.collections:
        return deployment
    return replace(deployment, collections=policies.collections(consortium))


def command_of(path: Path | None) -> list[str]:
    """Return the command of a chaincode: a Python file, a package folder, or our own."""
    if path is None:
        return [_own_chaincode()]
    if not path.exists():
        raise ConfigError(f"no chaincode at {path}", "-ccp names a Python file or a package folder")
    return [sys.executable, str(path.resolve())]


def _own_chaincode() -> str:
    """Return the path of ``medquorum-chaincode``: beside this interpreter, or on ``PATH``."""
    beside = Path(sys.executable).with_name(CHAINCODE_SERVER)
    path = str(beside) if beside.is_file() else shutil.which(CHAINCODE_SERVER)
    if path is None:
        remedy = f"pip install {CHAINCODE_SERVER}, or name another chaincode server with --command"
        raise ConfigError(f"{CHAINCODE_SERVER} is not installed", remedy)
    return path


def chaincode_process(
    deployment: Deployment, organisation: Organisation, consortium: Consortium, folder: NetworkFolder
) -> tuple[Process, str]:
    """Return the process that serves one organisation, and its address.

    Its TLS identity is the peer's; it speaks to nobody without a TLS certificate of its organisation, for it believes
    who it speaks to about creators and state.
    """
    if organisation.peer is None:
        raise ConfigError(f"{organisation.name} has no peer", "Chaincode runs beside a peer")
    if deployment.slot >= len(organisation.peer.chaincode_ports):
        remedy = "Add a port to chaincode_ports in consortium.toml"
        raise ConfigError(f"{organisation.name} has no port left for {deployment.label}", remedy)
    address = f"{LOOPBACK}:{organisation.peer.chaincode_ports[deployment.slot]}"
    tls = folder.node_tls(organisation)
    env = {
        "CHAINCODE_SERVER_ADDRESS": address,
        "CHAINCODE_ID": deployment.package_id,
        "CORE_CHAINCODE_ID_NAME": deployment.package_id,
        "CHAINCODE_TLS_DISABLED": "false",
        "CHAINCODE_TLS_KEY": str(tls / "server.key"),
        "CHAINCODE_TLS_CERT": str(tls / "server.crt"),
        "CHAINCODE_CLIENT_CA_CERT": str(folder.tls_ca(organisation)),
        "MEDQUORUM_MSP_ID": organisation.msp_id,
        "MEDQUORUM_CONSORTIUM_HASH": consortium.founding_hash,
    }
    if "verifier" in organisation.roles:
        env["MEDQUORUM_VERIFICATION_DIR"] = str(folder.verification(organisation))
    return Process(
        deployment.process_name(organisation), organisation.name, "chaincode", deployment.command, env
    ), address


def deployments(folder: NetworkFolder) -> dict[str, Deployment]:
    """Read what is deployed, by chaincode name."""
    path = folder.chaincodes
    if not path.exists():
        return {}
    return {name: Deployment(**document) for name, document in json.loads(path.read_text()).items()}


def save(folder: NetworkFolder, deployment: Deployment) -> None:
    """Record a deployment, in place of an earlier one of its name."""
    known = deployments(folder) | {deployment.name: deployment}
    write_private(folder.chaincodes, json.dumps({name: asdict(deployed) for name, deployed in known.items()}, indent=1))


def free_slot(folder: NetworkFolder, deployment: Deployment) -> int:
    """Return the slot of the same label, else the lowest that no chaincode uses: an upgrade runs beside the old."""
    known = deployments(folder).values()
    for deployed in known:
        if deployed.label == deployment.label:
            return deployed.slot
    taken = {deployed.slot for deployed in known}
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def retire(folder: NetworkFolder, deployment: Deployment) -> None:
    """Stop wanting the processes of other versions of this chaincode."""
    for process in processes(folder):
        other = process.name.startswith(f"{deployment.name}_") and not process.name.startswith(f"{deployment.label}.")
        if process.kind == "chaincode" and other:
            folder.process(process.name).unlink()


def await_listening(organisations: Iterable[Organisation], deployment: Deployment, folder: NetworkFolder) -> None:
    """Wait until each organisation's chaincode process accepts connections.

    Raises
    ------
    StartTimeout
        Naming the first that does not, with the end of its log.
    """
    for organisation in organisations:
        if organisation.peer:
            log = folder.log(deployment.process_name(organisation))
            ready = functools.partial(health.listens, LOOPBACK, organisation.peer.chaincode_ports[deployment.slot])
            await_true(ready, START_SECONDS, f"the chaincode of {organisation.name} does not listen", log)


def _read_collections(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the collections file {path}: {error}", "-cccg names a JSON file") from error
    if not isinstance(document, list):
        raise ConfigError(f"{path} is no list of collections", "See Fabric's collections_config.json")
    return document
