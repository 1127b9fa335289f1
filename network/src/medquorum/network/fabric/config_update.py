# SPDX-License-Identifier: Apache-2.0
"""The steps of a configuration change, each for the organisations of one folder: make, sign, submit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tenacity
from google.protobuf.message import DecodeError

from medquorum.errors import ConfigError, NetworkError
from medquorum.network.consortium.consortium import Consortium, Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import signing
from medquorum.network.fabric.channel_config import Change, applied, fetch, make_change
from medquorum.network.fabric.client import AdminClient
from medquorum.network.identity import msp_folder

__all__ = ["apply", "followed", "make", "own_members", "read", "sign", "submit"]


def own_members(consortium: Consortium, folder: NetworkFolder) -> list[Organisation]:
    """List the organisations with a peer whose keys are in this folder.

    Raises
    ------
    ConfigError
        When there is none.
    """
    members = [organisation for organisation in consortium.members if msp_folder.is_own(folder, organisation)]
    if not members:
        raise ConfigError(f"{folder.root} holds no keys of an organisation with a peer", "Run this on such a host")
    return members


def make(client: AdminClient) -> Change | None:
    """Make the change from the running channel to the consortium's file; None when they agree."""
    asked = own_members(client.consortium, client.folder)[0]
    return make_change(client, fetch(client, asked))


def read(path: Path) -> Change:
    """Read a change that another host sent.

    Raises
    ------
    ConfigError
        When the file holds none.
    """
    try:
        change = Change.read(path)
        if change.content.channel_id:
            return change
    except (OSError, DecodeError) as error:
        raise ConfigError(f"cannot read the change {path}: {error}", "`channel make` writes one") from error
    raise ConfigError(f"{path} holds no change of a channel", "`channel make` writes one")


def followed(client: AdminClient, change: Change, asked: Organisation) -> bool:
    """Return whether the running channel has become what the change makes it already."""
    return applied(change, fetch(client, asked))


def sign(client: AdminClient, change: Change, organisation: Organisation) -> tuple[Change, list[str]]:
    """Sign for an organisation, only what its own consortium file and collected bundles would make themselves.

    Returns the change with its genuine signatures, and what is wrong with those that were dropped.

    Raises
    ------
    ConfigError
        When the change is another one.
    """
    running = fetch(client, organisation)
    own = make_change(client, running)
    if own is None or own.content != change.content:
        remedy = "Bring consortium.toml and the bundles up to date (`hospital add`), or do not sign it"
        raise ConfigError("the change is not the one that this folder's consortium.toml asks for", remedy)
    change, dropped = signing.genuine(change, running)
    return signing.sign(change, organisation, client.folder), dropped


def submit(client: AdminClient, change: Change, sender: Organisation) -> list[str]:
    """Send a change to the orderers, and wait until it holds; return what is wrong with the signatures left out.

    Raises
    ------
    NetworkError
        When genuine signatures are lacking; they can be added and the change sent again.
    """
    running = fetch(client, sender)
    change, dropped = signing.genuine(change, running)
    have = {sender.msp_id, *signing.signers(change)}
    if not signing.satisfied(running, have):
        not_counted = f" (not counted: {'; '.join(dropped)})" if dropped else ""
        raise NetworkError(
            f"signed by {', '.join(sorted(have))}: not enough for Application/Admins{not_counted}",
            "k verifiers and a third of the hospitals sign (`channel sign`), then submit again",
        )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "change.pb")
        path.write_bytes(change.envelope())
        flags = ["-f", str(path), "-c", client.consortium.channel.name, *client.orderer_flags]
        client.peer(sender, "channel", "update", *flags)
    _await_change(client, change, sender)
    return dropped


def apply(client: AdminClient) -> bool:
    """Make, sign with every key of this folder, and submit; False when the channel is as the file says already."""
    change = make(client)
    if change is None:
        return False
    own = own_members(client.consortium, client.folder)
    for member in own:
        change = signing.sign(change, member, client.folder)
    submit(client, change, own[0])
    return True


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(NetworkError),
    wait=tenacity.wait_fixed(0.3),
    stop=tenacity.stop_after_delay(30),
    reraise=True,
)
def _await_change(client: AdminClient, change: Change, sender: Organisation) -> None:
    """Wait until the orderers give the new configuration out."""
    if not followed(client, change, sender):
        raise NetworkError("the orderers still give the old configuration out", "Look at it with `channel make`")
