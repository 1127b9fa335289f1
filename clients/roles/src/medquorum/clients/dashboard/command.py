# SPDX-License-Identifier: Apache-2.0
"""``medquorum dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.clients.proof.basis import Proof
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    ConsortiumToml,
    Genesis,
    Identity,
    ProfileFile,
    StateFolder,
    Verbose,
)
from medquorum.clients.runtime.session import CHANNEL, open_session

__all__ = ["dashboard"]


def dashboard(
    profile: ProfileFile,
    organizations: Annotated[
        Path | None,
        typer.Option(
            help="organizations/peerOrganizations, for the CA certificates  [default: two folders above the profile]"
        ),
    ] = None,
    consortium: ConsortiumToml = None,
    genesis: Genesis = None,
    host: Annotated[str, typer.Option(help="Address to listen at; other than this machine's own needs TLS.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8765,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="Certificate chain (PEM); browsers use the names in it.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key (PEM).")] = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show the rounds in the browser: read-only, kept current, each verdict checked on request."""
    # Not installed with medquorum alone: the command line must not need them.
    from medquorum.clients.dashboard.web.listening import Listening
    from medquorum.clients.dashboard.web.server import serve

    listening = Listening.checked(host, port, tls_certificate, tls_key)
    folder = profile.absolute().parent.parent if organizations is None else organizations
    with (
        listening,
        open_session("dashboard", Connection(profile, identity, channel, state, as_json, verbose)) as session,
    ):
        serve(session, Proof(folder, consortium, genesis), listening)
