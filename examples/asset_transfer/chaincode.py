# SPDX-License-Identifier: Apache-2.0
"""Assets with an owner: whoever makes one owns it, and only its owner's organisation can pass it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from medquorum.shim import ChaincodeError, ClientIdentity, Response, ServerSettings, Stub, error, serve, success


def create(stub: Stub, name: str, colour: str) -> dict[str, str]:
    """Write a new asset, owned by the organisation that calls."""
    if stub.get_state(name) is not None:
        raise ChaincodeError("ASSET_EXISTS", f"there is an asset {name}", "Choose another name")
    return _store(stub, {"name": name, "colour": colour, "owner": ClientIdentity(stub.get_creator()).msp_id})


def read(stub: Stub, name: str) -> dict[str, str]:
    """Return an asset."""
    stored = stub.get_state(name)
    if stored is None:
        raise ChaincodeError("ASSET_MISSING", f"there is no asset {name}", "Create it first")
    return dict(json.loads(stored))


def transfer(stub: Stub, name: str, owner: str) -> dict[str, str]:
    """Return an asset to another organisation, and tell everybody who listens."""
    asset, caller = read(stub, name), ClientIdentity(stub.get_creator()).msp_id
    if asset["owner"] != caller:
        raise ChaincodeError("NOT_THE_OWNER", f"{name} belongs to {asset['owner']}, not to {caller}")
    stub.set_event("AssetTransferred", json.dumps({"name": name, "from": caller, "to": owner}).encode())
    return _store(stub, asset | {"owner": owner})


def list_all(stub: Stub) -> list[dict[str, str]]:
    """Return every asset, by name."""
    return [json.loads(entry.value) for entry in stub.get_state_by_range("", "")]


def _store(stub: Stub, asset: dict[str, str]) -> dict[str, str]:
    # Sorted keys: every endorser must write the same bytes.
    stub.put_state(asset["name"], json.dumps(asset, sort_keys=True).encode())
    return asset


TRANSACTIONS: dict[str, Callable[..., Any]] = {
    "CreateAsset": create,
    "ReadAsset": read,
    "TransferAsset": transfer,
    "ListAssets": list_all,
}


class AssetTransfer:
    """The chaincode: its peer calls ``invoke`` once for every proposal, from several threads at once."""

    def invoke(self, stub: Stub) -> Response:
        """Run the transaction that the proposal names."""
        name, *arguments = [argument.decode() for argument in stub.get_args()]
        if name not in TRANSACTIONS:
            return error(f"there is no transaction {name}")
        return success(json.dumps(TRANSACTIONS[name](stub, *arguments), sort_keys=True).encode())


if __name__ == "__main__":
    serve(AssetTransfer(), ServerSettings.from_environment())
