# SPDX-License-Identifier: Apache-2.0
"""``deployCC`` and ``cc list|package|invoke|query``, with the flags of Fabric's test network."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from medquorum.errors import ConfigError
from medquorum.network.cli.options import AsJson, Channel, Folder, Quiet
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.deployment.chaincodes import DEFAULT_NAME, deployments, request
from medquorum.network.deployment.package import make_package, package_id
from medquorum.network.fabric.client import AdminClient
from medquorum.network.network import open_network
from medquorum.network.supervision.progress import Progress

__all__ = ["app", "deploy"]

NOT_GIVEN = "NA"  # the test network's word
Name = Annotated[str, typer.Option("-ccn", "--name", help="Chaincode name")]
Version = Annotated[str, typer.Option("-ccv", "--version", help="Chaincode version")]
Org = Annotated[str | None, typer.Option("-org", "--org", help="Whose administrator and peer; the first verifier's")]

app = typer.Typer(no_args_is_help=True, help="List, package, invoke and query chaincode.", rich_markup_mode=None)


def deploy(
    folder: Folder,
    name: Name = DEFAULT_NAME,
    version: Version = "1.0",
    channel: Channel = None,
    sequence: Annotated[
        str, typer.Option("-ccs", "--sequence", help="A number, or auto: the next if need be")
    ] = "auto",
    path: Annotated[Path | None, typer.Option("-ccp", "--path", help="Python file of another chaincode")] = None,
    command: Annotated[str | None, typer.Option("--command", help="Command line of another chaincode server")] = None,
    policy: Annotated[
        str, typer.Option("-ccep", "--policy", help="Endorsement policy; k verifiers by default")
    ] = NOT_GIVEN,
    collections: Annotated[str, typer.Option("-cccg", "--collections", help="collections_config.json")] = NOT_GIVEN,
    init: Annotated[str, typer.Option("-cci", "--init", help="Function that initialises the chaincode")] = NOT_GIVEN,
    org: Annotated[str | None, typer.Option("--org", help="Install and approve for this organisation only")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Deploy or upgrade a chaincode: start its processes, install, approve, commit."""
    network = open_network(folder, Progress(quiet=quiet or as_json), channel)
    wanted = request(
        network.consortium,
        name=name,
        version=version,
        policy=_given(policy),
        collections=Path(collections) if _given(collections) else None,
        path=path,
        command=shlex.split(command) if command else None,
        init=_given(init) or "",
    )
    done = network.deploy(wanted, sequence=_number(sequence), organisation=org)
    if as_json:
        shown = {"name": done.name, "version": done.version, "sequence": done.sequence, "package_id": done.package_id}
        print(json.dumps(shown | {"seconds": network.progress.seconds}))
    else:
        print(f"{done.name} {done.version} is deployed on {done.channel}, sequence {done.sequence}")


@app.command("list")
def list_(folder: Folder, org: Org = None, channel: Channel = None) -> None:
    """List what is committed on the channel and installed on a peer."""
    network = open_network(folder, channel=channel)
    if network.kind == "devnet":
        for deployment in deployments(network.folder).values():
            print(
                f"Name: {deployment.name}, Version: {deployment.version}, Sequence: {deployment.sequence}, "
                f"Package: {deployment.package_id}"
            )
        return
    client, chosen = network.client, _chosen(network.client, org)
    print(
        client.peer(chosen, "lifecycle", "chaincode", "querycommitted", "-C", network.consortium.channel.name), end=""
    )
    print(client.peer(chosen, "lifecycle", "chaincode", "queryinstalled"), end="")


@app.command()
def package(folder: Folder, name: Name = DEFAULT_NAME, version: Version = "1.0") -> None:
    """Write the chaincode package and print its id; the same on every machine."""
    network = open_network(folder)
    label = f"{name}_{version}"
    data = make_package(label)
    path = network.folder.packages / f"{label}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path}\n{package_id(label, data)}")


@app.command()
def invoke(
    folder: Folder,
    call: Annotated[str, typer.Option("-ccic", "--call", help='{"Args":["Function","argument"]}')],
    name: Name = DEFAULT_NAME,
    org: Org = None,
    channel: Channel = None,
) -> None:
    """Send a transaction, endorsed by every verifier that answers, and wait for its commit (real Fabric)."""
    network = open_network(folder, channel=channel)
    client = network.client
    flags = ["-C", network.consortium.channel.name, "-n", name, "-c", call, "--waitForEvent", *client.orderer_flags]
    flags += client.peer_flags(list(network.consortium.having("verifier")))
    output = client.peer(_chosen(client, org), "chaincode", "invoke", *flags, logging="chaincodeCmd=info:error")
    print(output.strip().rpartition("-> ")[2])  # the result; before it, one line per peer that committed


@app.command()
def query(
    folder: Folder,
    call: Annotated[str, typer.Option("-ccqc", "--call", help='{"Args":["Function","argument"]}')],
    name: Name = DEFAULT_NAME,
    org: Org = None,
    channel: Channel = None,
) -> None:
    """Evaluate a transaction on one organisation's peer (real Fabric)."""
    network = open_network(folder, channel=channel)
    client = network.client
    flags = ["-C", network.consortium.channel.name, "-n", name, "-c", call]
    print(client.peer(_chosen(client, org), "chaincode", "query", *flags), end="")


def _chosen(client: AdminClient, name: str | None) -> Organisation:
    return client.consortium.organisation(name) if name else client.consortium.having("verifier")[0]


def _given(value: str) -> str | None:
    return None if value == NOT_GIVEN else value


def _number(sequence: str) -> int | None:
    if sequence == "auto":
        return None
    if not sequence.isdigit() or int(sequence) < 1:
        raise ConfigError(f"-ccs {sequence} is no sequence", "Give auto, or a number from 1")
    return int(sequence)
