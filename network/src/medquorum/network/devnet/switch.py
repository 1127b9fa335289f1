# SPDX-License-Identifier: Apache-2.0
"""Takes a peer of a running devnet down or up: ``python -m medquorum.network.devnet.switch --dir DIR down NAME``."""

from __future__ import annotations

import http.client
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from medquorum.errors import MedquorumError, NetworkError
from medquorum.network.consortium.consortium import LOOPBACK, load
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.health import operations

__all__ = ["State", "switch"]

TIMEOUT_SECONDS = 10


class State(Enum):
    """What the peer shall be."""

    UP = "up"
    DOWN = "down"


def switch(folder: Path, organisation: str, state: State) -> None:
    """Switch a peer; returns when it is done.

    Raises
    ------
    NetworkError
        When the devnet does not answer.
    """
    files = NetworkFolder(folder)
    member = load(files.consortium).organisation(organisation)
    if member.peer is None:
        raise NetworkError(f"{member.name} has no peer", "Name an organisation with a peer")
    connection = operations(LOOPBACK, member.peer.operations_port, files.node_tls(member), TIMEOUT_SECONDS)
    try:
        connection.request("PUT", f"/peer/{state.value}")
        status = connection.getresponse().status
    except OSError as error:
        raise NetworkError(f"the devnet does not answer: {error}", "Start it with scripts/network.sh up") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise NetworkError(f"the devnet answered {status}", "Is this port the devnet's?")


def main(
    state: State,
    organisation: Annotated[str, typer.Argument(help="Name, MSP id or domain")],
    folder: Annotated[Path, typer.Option("--dir", help="The network folder")] = Path("medquorum-network"),
) -> None:
    """Take an organisation's peer down or up."""
    try:
        switch(folder, organisation, state)
    except MedquorumError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(error.exit_code) from error


if __name__ == "__main__":
    typer.run(main)
