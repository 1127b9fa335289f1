# SPDX-License-Identifier: Apache-2.0
"""Connection profiles (JSON, YAML) and wallets as Explorer and the Node and Go SDKs read them.

Those of fabric-sdk-py are in `medquorum.network.identity.hfc`.

The profile of an organisation without a peer (the dealer) names the first verifier's peer.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from medquorum.core.private_files import make_private_folder, write_private
from medquorum.network.consortium.consortium import AnyOrganisation, Consortium, Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import hfc
from medquorum.network.identity.crypto import USERS

__all__ = ["profile", "wallet_identity", "write_all", "write_known"]

MESSAGE_LIMIT = 100 << 20
Document = dict[str, Any]


def write_all(consortium: Consortium, folder: NetworkFolder) -> None:
    """Write every organisation's profiles, and the wallets of those whose keys are here."""
    for organisation in consortium.organisations:
        document = profile(consortium, folder, organisation)
        folder.profile(organisation).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        folder.profile(organisation, "yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        if organisation in consortium.having("verifier"):
            make_private_folder(folder.verification(organisation))
        own = [user for user, _ in USERS if folder.key(organisation, user).exists()]
        for user in own:
            write_private(
                folder.wallet(organisation, user), json.dumps(wallet_identity(folder, organisation, user), indent=2)
            )
        hfc.write(folder, organisation, document, own)


def write_known(consortium: Consortium, folder: NetworkFolder) -> None:
    """Write what `write_all` does for the organisations whose files are here so far.

    A service takes an organisation's MSP id from its profile, so one whose MSP is here needs it. Before a verifier is
    known none is written for those without a peer.
    """
    known = [organisation for organisation in consortium.everyone if folder.tls_ca(organisation).exists()]
    verifier = any(organisation in known for organisation in consortium.having("verifier"))
    organisations = [
        organisation
        for organisation in consortium.organisations
        if organisation in known and (organisation.peer or verifier)
    ]
    orderers = [organisation for organisation in consortium.orderers if organisation in known]
    write_all(consortium.model_copy(update={"organisations": organisations, "orderers": orderers}), folder)


def profile(consortium: Consortium, folder: NetworkFolder, organisation: Organisation) -> Document:
    """Return an organisation's connection profile; its own peer first, then the others in the channel."""
    own = organisation if organisation.peer else next(other for other in consortium.having("verifier") if other.peer)
    known = [own, *(other for other in consortium.members if other is not own)]
    roles = {"endorsingPeer": True, "chaincodeQuery": True, "ledgerQuery": True, "eventSource": True}
    return {
        "name": f"{consortium.name}-{organisation.label}",
        "version": "1.0.0",
        "x-type": "hlfv1",
        "client": {
            "organization": organisation.name,
            **_client_tls(folder, organisation),
            "connection": {"timeout": {"peer": {"endorser": "300"}, "orderer": "300"}},
        },
        "channels": {
            consortium.channel.name: {
                "orderers": [orderer.node for orderer in consortium.orderers],
                "peers": {other.node: roles for other in known},
            }
        },
        "organizations": {
            other.name: {"mspid": other.msp_id, "peers": [(other if other.peer else own).node]}
            for other in [organisation, *(other for other in known if other is not organisation)]
        },
        "orderers": {o.node: _endpoint(o, o.address, folder, "ORDERER") for o in consortium.orderers},
        "peers": {other.node: _endpoint(other, other.peer.address, folder, "PEER") for other in known if other.peer},
        "certificateAuthorities": {},
        **({"medquorum": {"service": organisation.service.address}} if organisation.service else {}),
    }


def wallet_identity(folder: NetworkFolder, organisation: Organisation, user: str) -> Document:
    """Return a user's identity in the SDKs' file wallet format."""
    return {
        "credentials": {
            "certificate": folder.certificate(organisation, user).read_text(),
            "privateKey": folder.key(organisation, user).read_text(),
        },
        "mspId": organisation.msp_id,
        "type": "X.509",
        "version": 1,
    }


def _client_tls(folder: NetworkFolder, organisation: Organisation) -> Document:
    """Return the certificate that every port asks for: a user's, where its key is here; paths from the profile on."""
    for user in reversed([user for user, _ in USERS]):
        tls = folder.user(organisation, user) / "tls"
        if (tls / "client.key").exists():
            home = tls.relative_to(folder.organisation(organisation)).as_posix()
            pair = {"cert": {"path": f"{home}/client.crt"}, "key": {"path": f"{home}/client.key"}}
            return {"tlsCerts": {"client": pair}}
    return {}


def _endpoint(organisation: AnyOrganisation, address: str, folder: NetworkFolder, kind: str) -> Document:
    return {
        "url": f"grpcs://{address}",
        **({"eventUrl": f"grpcs://{address}"} if kind == "PEER" else {}),
        "tlsCACerts": {"path": str(folder.tls_ca(organisation)), "pem": folder.tls_ca(organisation).read_text()},
        "grpcOptions": {
            "ssl-target-name-override": organisation.node,
            "hostnameOverride": organisation.node,
            "grpc.ssl_target_name_override": organisation.node,
            "grpc.max_receive_message_length": MESSAGE_LIMIT,
            "grpc.max_send_message_length": MESSAGE_LIMIT,
        },
    }
