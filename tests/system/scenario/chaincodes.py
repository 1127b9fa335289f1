# SPDX-License-Identifier: Apache-2.0
"""The chaincodes that the official gateway's scenarios call, on our shim: ``python chaincodes.py basic``."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable

from medquorum.shim import Response, ServerSettings, Stub, endorsement_policy, error, serve, success

Transaction = Callable[..., "bytes | str | Response | None"]

MSP_ID = os.environ.get("MEDQUORUM_MSP_ID", "")
"""Whose peer runs this process."""


class Transactions:
    """A chaincode that calls the function its first argument names."""

    def __init__(self, transactions: dict[str, Transaction]) -> None:
        self._transactions = transactions

    def invoke(self, stub: Stub) -> Response:
        name, *arguments = [raw.decode() for raw in stub.get_args()] or [""]
        transaction = self._transactions.get(name)
        if transaction is None:
            return error(f"You've asked to invoke a function that does not exist: {name}")
        result = transaction(stub, *arguments)
        if isinstance(result, Response):
            return result
        return success(result.encode() if isinstance(result, str) else result or b"")


def put(stub: Stub, key: str, value: str) -> str:
    stub.put_state(key, value.encode())
    return value


def echo_transient(stub: Stub) -> str:
    return json.dumps({name: value.decode() for name, value in stub.get_transient().items()}, sort_keys=True)


def check_endorsing_org(stub: Stub) -> str | Response:
    if MSP_ID in stub.get_transient():
        return "success"
    return error(f"{MSP_ID} was not to endorse this")


def write_private_data(stub: Stub) -> None:
    transient = stub.get_transient()
    for collection in transient["collection"].decode().split(","):
        stub.put_private_data(collection, transient["key"].decode(), transient["value"])


def set_state_with_endorser(stub: Stub, key: str, value: str, endorser: str) -> None:
    stub.put_state(key, value.encode())
    set_state_endorsers(stub, key, endorser)


def set_state_endorsers(stub: Stub, key: str, *endorsers: str) -> None:
    stub.set_state_validation_parameter(key, endorsement_policy(endorsers, len(endorsers)))


def exists(stub: Stub, *arguments: str) -> str | Response:
    if len(arguments) != 1:
        return error(f"Expected 1 parameters, but {len(arguments)} have been supplied")
    return json.dumps(stub.get_state(arguments[0]) is not None)


def orgs_fail(stub: Stub, organisations: str) -> Response | None:
    if MSP_ID in json.loads(organisations):
        return error(f"{MSP_ID} refuses to endorse this")
    stub.put_state("mykey", b"myvalue")
    return None


CHAINCODES: dict[str, dict[str, Transaction]] = {
    "basic": {
        "echo": lambda stub, text: text,
        "echoTransient": echo_transient,
        "put": put,
        "get": lambda stub, key: stub.get_state(key),
        "errorMessage": lambda stub, message: error(message),
        "event": lambda stub, name, payload: stub.set_event(name, payload.encode()),
    },
    "private": {
        "getPeerOrg": lambda stub: MSP_ID,
        "checkEndorsingOrg": check_endorsing_org,
        "WritePrivateData": write_private_data,
        "ReadPrivateData": lambda stub, collection, key: stub.get_private_data(collection, key),
        "SetStateWithEndorser": set_state_with_endorser,
        "SetStateEndorsers": set_state_endorsers,
        "GetState": lambda stub, key: stub.get_state(key),
        "ChangeState": lambda stub, key, value: stub.put_state(key, value.encode()),
    },
    "errors": {
        "exists": exists,
        "crash": lambda stub: os._exit(99),
        "nondet": lambda stub: stub.put_state("random", secrets.token_bytes(8)),
        "orgsFail": orgs_fail,
    },
}

if __name__ == "__main__":
    serve(Transactions(CHAINCODES[sys.argv[1]]), ServerSettings.from_environment())
