# SPDX-License-Identifier: Apache-2.0
"""Connection profile and wallet as fabric-sdk-py (hfc) reads them.

hfc differs from the other SDKs: addresses have no scheme, each node names the TLS client certificate, users are named
in the profile by the paths of their files, and a wallet identity is a folder of two PEM files. It also keeps state of
its own in a folder the profile names, private keys included, in files that all may read; so that folder is closed to
others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from medquorum.core.private_files import write_private
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.consortium.paths import NetworkFolder

__all__ = ["profile", "write"]

Document = dict[str, Any]


def write(folder: NetworkFolder, organisation: Organisation, document: Document, users: Sequence[str]) -> None:
    """Write the profile made of the general ``document``, and the users into the wallet."""
    folder.hfc_profile(organisation).write_text(
        json.dumps(profile(folder, organisation, document, users), indent=2) + "\n"
    )
    folder.hfc_store(organisation).mkdir(mode=0o700, parents=True, exist_ok=True)
    for user in users:
        identity = folder.wallet(organisation, user).with_suffix("")
        write_private(identity / "private_sk", folder.key(organisation, user).read_text())
        (identity / "enrollmentCert.pem").write_text(folder.certificate(organisation, user).read_text())


def profile(folder: NetworkFolder, organisation: Organisation, document: Document, users: Sequence[str]) -> Document:
    """Return the organisation's profile for hfc, made of the general ``document``."""
    store = str(folder.hfc_store(organisation))
    named = {
        user: {"cert": str(folder.certificate(organisation, user)), "private_key": str(folder.key(organisation, user))}
        for user in users
    }
    entry = document["organizations"][organisation.name] | {"users": named}
    home = folder.organisation(organisation)
    pair = document["client"].get("tlsCerts", {}).get("client", {})
    tls = {f"client{kind.capitalize()}": {"path": str(home / file["path"])} for kind, file in pair.items()}
    return document | {
        "client": document["client"] | {"credentialStore": {"path": store, "cryptoStore": {"path": store}}},
        "organizations": document["organizations"] | {organisation.name: entry},
        "orderers": _nodes(document["orderers"], tls),
        "peers": _nodes(document["peers"], tls),
    }


def _nodes(nodes: Document, tls: Document) -> Document:
    """Return the nodes without a scheme in their addresses, with the certificate to show to them."""
    return {
        name: {
            key: value.removeprefix("grpcs://") if key in ("url", "eventUrl") else value for key, value in node.items()
        }
        | tls
        for name, node in nodes.items()
    }
