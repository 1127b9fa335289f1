# SPDX-License-Identifier: Apache-2.0
"""Our external builder for chaincode-as-a-service: where it is installed and what it is told.

The package that every organisation installs is the same, byte for byte, and so is its id: its ``connection.json``
holds ``{{.address}}`` and the like (``medquorum.network.deployment.package``). Each peer's builder fills
them in from its own targets file, keyed by the chaincode's label.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from medquorum.network.consortium.consortium import Organisation
from medquorum.network.consortium.paths import NetworkFolder

__all__ = ["BUILDER_VARIABLE", "builder_folder", "install", "set_target", "targets_file"]

BUILDER_VARIABLE = "MEDQUORUM_CHAINCODE_TARGETS"
STEPS = ("detect", "build", "release")


def builder_folder(folder: NetworkFolder) -> Path:
    """Path that ``externalBuilders`` names; ``bin/`` is inside."""
    return folder.config / "builder"


def targets_file(folder: NetworkFolder, organisation: Organisation) -> Path:
    """Where a peer's builder looks its chaincodes' addresses up."""
    return folder.config / organisation.node / "chaincodes.json"


def install(folder: NetworkFolder) -> None:
    """Write the three programs; each runs this Python on the script beside this file."""
    home = builder_folder(folder) / "bin"
    home.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        script = Path(__file__).with_name(f"{step}.py")
        path = home / step
        text = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(script))} "$@"\n'
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)


def set_target(folder: NetworkFolder, organisation: Organisation, label: str, address: str) -> None:
    """Inform an organisation's builder where its chaincode of that label listens, and which TLS files to use."""
    tls = folder.node_tls(organisation)
    path = targets_file(folder, organisation)
    targets = json.loads(path.read_text()) if path.exists() else {}
    targets[label] = {
        "address": address,
        "root_cert": str(folder.tls_ca(organisation)),
        "client_cert": str(tls / "server.crt"),
        "client_key": str(tls / "server.key"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(targets, indent=1))
