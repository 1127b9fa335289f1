# SPDX-License-Identifier: Apache-2.0
"""Connection profiles (JSON and YAML) and wallets, as hfc, Explorer and the Node and Go SDKs read them.

The profile of an organisation without a peer (the dealer) names the first verifier's peer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from network.consortium import AnyOrganisation, Consortium, Organisation
from network.crypto import USERS
from network.paths import NetworkFolder

__all__ = ["profile", "wallet_identity", "write_all"]

MESSAGE_LIMIT = 100 << 20
Document = dict[str, Any]


def write_all(consortium: Consortium, folder: NetworkFolder) -> None:
    """Write every organisation's profiles and wallet."""
    for one in consortium.organisations:
        document = profile(consortium, folder, one)
        folder.profile(one).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        folder.profile(one, "yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        if one in consortium.having("verifier"):
            folder.verification(one).mkdir(parents=True, exist_ok=True)
        for user, _ in USERS:
            if folder.key(one, user).exists():  # on a shared description only the own keys are here
                _write_private(folder.wallet(one, user), json.dumps(wallet_identity(folder, one, user), indent=2))


def profile(consortium: Consortium, folder: NetworkFolder, one: Organisation) -> Document:
    """Give an organisation's connection profile; its own peer first, then the others in the channel."""
    own = one if one.peer else next(other for other in consortium.having("verifier") if other.peer)
    known = [own, *(other for other in consortium.members if other is not own)]
    roles = {"endorsingPeer": True, "chaincodeQuery": True, "ledgerQuery": True, "eventSource": True}
    return {
        "name": f"{consortium.name}-{one.label}",
        "version": "1.0.0",
        "x-type": "hlfv1",
        "client": {
            "organization": one.name,
            "connection": {"timeout": {"peer": {"endorser": "300"}, "orderer": "300"}},
            # hfc wants a place for its own key store
            "credentialStore": {"path": "wallet", "cryptoStore": {"path": "wallet"}, "wallet": "wallet"},
        },
        "channels": {
            consortium.channel.name: {
                "orderers": [orderer.node for orderer in consortium.orderers],
                "peers": {other.node: roles for other in known},
            }
        },
        "organizations": {other.name: _organisation(folder, other, own, one) for other in [one, *_others(known, one)]},
        "orderers": {o.node: _endpoint(o, o.address, folder, "ORDERER") for o in consortium.orderers},
        "peers": {other.node: _endpoint(other, other.peer.address, folder, "PEER") for other in known if other.peer},
        "certificateAuthorities": {},
    }


def wallet_identity(folder: NetworkFolder, one: Organisation, user: str) -> Document:
    """Give a user's identity in the SDKs' file wallet format."""
    return {
        "credentials": {
            "certificate": folder.certificate(one, user).read_text(),
            "privateKey": folder.key(one, user).read_text(),
        },
        "mspId": one.msp_id,
        "type": "X.509",
        "version": 1,
    }


def _others(known: list[Organisation], one: Organisation) -> list[Organisation]:
    return [other for other in known if other is not one]


def _organisation(folder: NetworkFolder, one: Organisation, own: Organisation, reader: Organisation) -> Document:
    document: Document = {"mspid": one.msp_id, "peers": [one.node if one.peer else own.node]}
    if one is reader:
        document["users"] = {
            user: {"cert": str(folder.certificate(one, user)), "private_key": str(folder.key(one, user))}
            for user, _ in USERS
        }
    return document


def _endpoint(one: AnyOrganisation, address: str, folder: NetworkFolder, kind: str) -> Document:
    return {
        "url": f"grpcs://{address}",
        **({"eventUrl": f"grpcs://{address}"} if kind == "PEER" else {}),
        "tlsCACerts": {"path": str(folder.tls_ca(one)), "pem": folder.tls_ca(one).read_text()},
        "grpcOptions": {
            "ssl-target-name-override": one.node,
            "hostnameOverride": one.node,
            "grpc.ssl_target_name_override": one.node,
            "grpc.max_receive_message_length": MESSAGE_LIMIT,
            "grpc.max_send_message_length": MESSAGE_LIMIT,
        },
    }


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
