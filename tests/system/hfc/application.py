# SPDX-License-Identifier: Apache-2.0
"""An application of fabric-sdk-py (hfc): ``application.py PROFILE DOCUMENT`` prints one JSON line.

It knows nothing of this project but what the connection profile and the wallet beside it say, and runs in hfc's own
environment. It founds the consortium of DOCUMENT as the wallet's Admin, reads it back as the profile's User1, and reads
the chain up to the transaction.
"""

import asyncio
import json
import sys
from pathlib import Path

from hfc.fabric import Client
from hfc.fabric_network.wallet import FileSystenWallet

CHAINCODE = "medquorum"


async def main(profile, document):
    client = Client(net_profile=profile)
    name = client.get_net_info("client", "organization")
    organisation = client.get_net_info("organizations", name)
    (channel,) = client.get_net_info("channels")
    client.new_channel(channel)
    own = organisation["peers"]
    wallet = FileSystenWallet(str(Path(profile).with_name("wallet")))
    admin = wallet.create_user(f"Admin@{own[0].partition('.')[2]}", name, organisation["mspid"])
    user = client.get_user(name, "User1")

    async def read():
        try:
            return await client.chaincode_query(user, channel, own, [], CHAINCODE, fcn="ReadConsortium")
        except Exception as error:  # hfc raises a bare Exception around the peer's answer
            return str(error)

    members = json.loads(document)["members"]
    known = client.get_net_info("organizations").values()
    endorsers = [peer for one in known if "verifier" in members[one["mspid"]] for peer in one["peers"]]
    before = await read()
    invoked = await client.chaincode_invoke(
        admin, channel, endorsers, [document], CHAINCODE, fcn="InitConsortium", wait_for_event=True
    )
    channels = await client.query_channels(user, own)
    info = await client.query_info(user, channel, own)
    newest = await client.query_block(user, channel, own, str(info.height - 1))
    header = newest["data"]["data"][0]["payload"]["header"]["channel_header"]
    transaction = await client.query_transaction(user, channel, own, header["tx_id"])
    genesis = await client.query_block(user, channel, own, "0")
    result = {
        "before": before,
        "invoked": invoked,
        "again": await client.chaincode_invoke(admin, channel, endorsers, [document], CHAINCODE, fcn="InitConsortium"),
        "read": await read(),
        "channels": [one.channel_id for one in channels.channels],
        "height": info.height,
        "newest": {"number": newest["header"]["number"], "channel": header["channel_id"], "tx_id": header["tx_id"]},
        "transaction": {"creator": creator(transaction), "code": transaction["validation_code"]},
        "genesis": genesis["header"]["number"],
        "peers": sorted(client.peers),
        "orderers": sorted(client.orderers),
    }
    await client.close_grpc_channels()
    print(json.dumps(result, default=str))


def creator(transaction):
    return transaction["transaction_envelope"]["payload"]["header"]["signature_header"]["creator"]["mspid"]


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
