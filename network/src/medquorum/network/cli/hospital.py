# SPDX-License-Identifier: Apache-2.0
"""``hospital add|remove``: on one host everything at once, on hosts of their own each host's part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.errors import ConfigError
from medquorum.network.cli.options import Folder, Quiet
from medquorum.network.consortium.consortium import Organisation, write
from medquorum.network.consortium.membership import new_hospital, with_hospital, without_hospital
from medquorum.network.identity import bundle, msp_folder, profiles
from medquorum.network.network import Network, open_network
from medquorum.network.supervision.progress import Progress

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Hospitals that join and leave.", rich_markup_mode=None)
NEXT = (
    "consortium.toml is changed. Next: `channel make --out FILE` on one host, `channel sign FILE` on k verifiers' and "
    "a third of the hospitals' hosts, `channel submit FILE`, then `deployCC --org` on every host"
)


@app.command()
def add(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="NAME|BUNDLE", help="A name for a trial, or the hospital's bundle")],
    quiet: Quiet = False,
) -> None:
    """Add a hospital to the consortium's file and, where this folder holds everyone's keys, to the running channel."""
    network = _open(folder, quiet)
    if Path(name).is_file():
        taken = bundle.read(Path(name), network.folder)
        if not isinstance(taken.organisation, Organisation):
            raise ConfigError(f"{taken.organisation.name} orders blocks", "Only members of the channel join so")
        hospital = taken.organisation
        network = network.with_consortium(with_hospital(network.consortium, hospital))
        bundle.store(taken, network.consortium, network.folder)
        profiles.write_known(network.consortium, network.folder)
    elif _one_place(network, name):
        known = [organisation for organisation in network.consortium.organisations if organisation.name == name]
        hospital = known[0] if known else new_hospital(network.consortium, name)
        network = network.with_consortium(with_hospital(network.consortium, hospital))
    else:
        raise ConfigError(f"no bundle {name}", "Its host makes one: `org init`, `org export`")
    write(network.consortium, network.folder.consortium)
    print(_follow(network, hospital.name))


@app.command()
def remove(folder: Folder, name: str, quiet: Quiet = False) -> None:
    """Expel a hospital: take it out of the file and, where this folder holds everyone's keys, out of the channel."""
    network = _open(folder, quiet)
    network = network.with_consortium(without_hospital(network.consortium, name))
    next_step = _follow(network)
    write(network.consortium, network.folder.consortium)  # last: the same command goes on after what broke off
    print(next_step)


def _open(folder: Path, quiet: bool) -> Network:
    network = open_network(folder, Progress(quiet=quiet))
    if network.kind == "devnet":
        raise ConfigError("the devnet's members are fixed", "Change consortium.toml, then `down --purge` and `up`")
    return network


def _follow(network: Network, newcomer: str = "") -> str:
    """Make the channel follow where all keys are here; return what to do next."""
    if network.kind != "fabric" or not _one_place(network, newcomer):
        return NEXT
    network.adopt()
    return "the channel follows consortium.toml; tell the ledger: `medquorum admin update-consortium`"


def _one_place(network: Network, newcomer: str) -> bool:
    """Return whether this folder holds everyone's keys; a newcomer's are made here unless its bundle was taken in."""
    missing = [
        organisation
        for organisation in network.consortium.everyone
        if not msp_folder.is_own(network.folder, organisation)
    ]
    return all(
        organisation.name == newcomer and not network.folder.msp(organisation).is_dir() for organisation in missing
    )
