# SPDX-License-Identifier: Apache-2.0
"""``channel genesis|check|make|sign|submit``: the channel's configuration as files that go from host to host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.errors import ConfigError
from medquorum.network.cli.options import Channel, Folder
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.fabric import binaries, config_update, signing
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.configtx import make_genesis
from medquorum.network.fabric.genesis_check import check_genesis
from medquorum.network.identity import msp_folder
from medquorum.network.network import Network, open_network

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The channel's configuration, file by file.", rich_markup_mode=None)
Org = Annotated[str | None, typer.Option("--org", help="Whose administrator; the folder's own organisation")]
FOLLOWED = "the channel follows this change already"
Change = Annotated[Path, typer.Argument(metavar="FILE", help="A change that `channel make` wrote")]


@app.command()
def genesis(folder: Folder, channel: Channel = None) -> None:
    """Make the genesis block from the bundles in this folder: once, by the founder, who sends it to all."""
    network = open_network(folder, channel=channel)
    _require_everyone(network)
    make_genesis(network.consortium, network.folder, binaries.find())
    print(network.folder.block(network.consortium.channel.name))


@app.command()
def check(folder: Folder, channel: Channel = None) -> None:
    """Compare the founder's genesis block with what consortium.toml and the bundles in this folder make it."""
    network = open_network(folder, channel=channel)
    _require_everyone(network)
    later = check_genesis(AdminClient(network.consortium, network.folder, binaries.find()))
    if later:
        print(f"not in the genesis block, because they came after the founding: {', '.join(later)}")
    print("the genesis block is what consortium.toml and the bundles make it")


@app.command()
def make(folder: Folder, out: Annotated[Path, typer.Option(help="The file to write")], channel: Channel = None) -> None:
    """Write the change that makes the running channel's members and policies those of consortium.toml."""
    change = config_update.make(open_network(folder, channel=channel).client)
    if change is None:
        print("the channel is as consortium.toml says")
        return
    out.write_bytes(change.envelope())
    print(out)


@app.command()
def sign(folder: Folder, file: Change, org: Org = None, channel: Channel = None) -> None:
    """Sign a change, if it is the one that this folder's own consortium.toml and bundles ask for."""
    network = open_network(folder, channel=channel)
    change, organisation = config_update.read(file), _own(network, org)
    if config_update.followed(network.client, change, organisation):
        print(FOLLOWED)
        return
    change, dropped = config_update.sign(network.client, change, organisation)
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(change.envelope())
    new.replace(file)
    _print_outcome(network, dropped)
    print(f"signed by {', '.join(signing.signers(change))}")


@app.command()
def submit(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed copies of one change")],
    org: Org = None,
    channel: Channel = None,
) -> None:
    """Bring the signatures together and send the change to the orderers."""
    network = open_network(folder, channel=channel)
    change, organisation = signing.merge([config_update.read(file) for file in files]), _own(network, org)
    if config_update.followed(network.client, change, organisation):
        print(FOLLOWED)
        return
    _print_outcome(network, config_update.submit(network.client, change, organisation))
    print("the channel is changed; now `deployCC --org` on every host")


def _print_outcome(network: Network, dropped: list[str]) -> None:
    for reason in dropped:
        network.progress.warn(f"a signature that is not genuine was left out: {reason}")


def _require_everyone(network: Network) -> None:
    unknown = [
        organisation.name
        for organisation in network.consortium.everyone
        if not network.folder.msp(organisation).is_dir()
    ]
    if unknown:
        raise ConfigError(f"nothing is known of {', '.join(unknown)}", "Take their bundles in with `org import`")


def _own(network: Network, name: str | None) -> Organisation:
    if name is None:
        return config_update.own_members(network.consortium, network.folder)[0]
    organisation = network.consortium.organisation(name)
    if not msp_folder.is_own(network.folder, organisation):
        raise ConfigError(f"the keys of {organisation.name} are not in this folder", "Run this on its host")
    return organisation
