# SPDX-License-Identifier: Apache-2.0
"""``org init|export|import``: each organisation makes its keys on its own host and sends a public bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from medquorum.errors import BinaryMissing, ConfigError
from medquorum.network.cli.options import AsJson, Folder
from medquorum.network.consortium.consortium import AnyOrganisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.ca_server import REMEDY, SERVER, fabric_ca, find_server, has_root
from medquorum.network.identity import bundle, crypto, msp_folder, profiles
from medquorum.network.network import open_network

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Keys of one organisation, bundles of the others.", rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="ORG", help="The organisation of this host")]


WithFabricCa = Annotated[
    bool | None,
    typer.Option(
        "--fabric-ca/--no-fabric-ca",
        help="Have a Fabric CA of the organisation's own issue the certificates  [default: where its server is found]",
    ),
]


@app.command()
def init(folder: Folder, name: Name, with_fabric_ca: WithFabricCa = None, as_json: AsJson = False) -> None:
    """Make one organisation's authorities, keys and certificates in this folder; what is there stays."""
    network = open_network(folder)
    organisation = network.consortium.anyone(name)
    with _issuers(network.folder, organisation, with_fabric_ca) as issuers:
        made = crypto.generate_one(organisation, network.folder, issuers)
    msp_folder.check_own(network.folder, organisation)
    home = network.folder.organisation(organisation)
    ca = str(network.folder.fabric_ca(organisation)) if _has_fabric_ca(network.folder, organisation) else None
    document = {"organisation": organisation.name, "folder": str(home), "made": made, "fabric_ca": ca}
    lines = [str(home)] if ca is None else [str(home), f"Fabric CA: {ca}"]
    print(json.dumps(document) if as_json else "\n".join(lines))


@contextmanager
def _issuers(
    folder: NetworkFolder, organisation: AnyOrganisation, wanted: bool | None
) -> Iterator[crypto.Issuers | None]:
    """Return the organisation's Fabric CA where it has one or begins with one, and has something to be issued."""
    has, others = (
        _has_fabric_ca(folder, organisation),
        folder.msp(organisation).exists() or crypto.has_own_authorities(organisation, folder),
    )
    if (has or others) and wanted not in (None, has):
        raise ConfigError(
            f"{organisation.name} began {'with' if has else 'without'} a Fabric CA",
            "Leave the option out: it keeps what it has",
        )
    server = find_server()
    chosen = has or (not others and (server is not None if wanted is None else wanted))
    if not chosen or crypto.is_complete(organisation, folder):
        yield None
    elif server is None:
        raise BinaryMissing(f"{SERVER} was not found", REMEDY)
    else:
        with fabric_ca(server, folder, organisation) as issuers:
            yield issuers


def _has_fabric_ca(folder: NetworkFolder, organisation: AnyOrganisation) -> bool:
    return has_root(folder.fabric_ca(organisation)) and not crypto.has_own_authorities(organisation, folder)


@app.command()
def export(
    folder: Folder,
    name: Name,
    out: Annotated[Path | None, typer.Option(help="The file; by default ORG.bundle.json in the folder")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the organisation's files and write its public bundle; no private key gets into it."""
    network = open_network(folder)
    organisation = network.consortium.anyone(name)
    made = bundle.export(network.folder, organisation)
    path = out or network.folder.root / f"{organisation.name}.bundle.json"
    path.write_text(made.text, encoding="utf-8")
    document = {"organisation": organisation.name, "bundle": str(path), "sha256": made.fingerprint}
    print(json.dumps(document) if as_json else f"{path}\nsha256 {made.fingerprint}")


@app.command("import")
def import_(
    folder: Folder,
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Files that `org export` wrote")],
    as_json: AsJson = False,
) -> None:
    """Check other organisations' bundles and put their public files into this folder."""
    network = open_network(folder)
    taken = [bundle.read(path, network.folder) for path in bundles]
    rows = []
    for incoming in taken:
        new = bundle.store(incoming, network.consortium, network.folder)
        rows.append({"organisation": incoming.organisation.name, "sha256": incoming.fingerprint, "new": new})
    profiles.write_known(network.consortium, network.folder)
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['organisation']:20} sha256 {row['sha256']}{'' if row['new'] else ' (was here)'}")
