# SPDX-License-Identifier: Apache-2.0
"""Feature: transaction invocation; history."""

from __future__ import annotations

import hashlib
import json

from medquorum_testing.gateway.scenario import Organisation, ScenarioClient, endorsed_alike, fails


def test_evaluate_with_result(client1: ScenarioClient) -> None:
    assert json.loads(client1.evaluate("Echo", "conga", "", "é\n€")) == ["conga", "", "é\n€"]


def test_submit_with_result(client1: ScenarioClient, key: str) -> None:
    assert client1.submit("Append", key, "conga") == "conga"
    prepared = endorsed_alike(client1, "Append", key, "line")
    client1.send(prepared)
    assert (prepared.result, client1.status(prepared).code) == ("congaline", "VALID")


def test_update_ledger(
    client1: ScenarioClient, client2: ScenarioClient, client3: ScenarioClient, org3: Organisation, key: str
) -> None:
    client1.submit("Put", key, "1")
    prepared = client2.endorse("Put", key, "2")
    client2.send(prepared)
    assert client2.status(prepared).code == "VALID"
    assert client2.evaluate("Get", key) == "2"
    client3.submit("Del", key)
    with fails("", "UNKNOWN", org3, text=f"The asset {key} does not exist"):
        client3.evaluate("Get", key)


def test_evaluate_does_not_update_the_ledger(client1: ScenarioClient, org1: Organisation, key: str) -> None:
    client1.evaluate("Put", key, "1")
    with fails("", "UNKNOWN", org1):
        client1.evaluate("Get", key)


def test_reads_do_not_see_the_transactions_own_writes(client1: ScenarioClient, key: str) -> None:
    client1.submit("Put", key, "1")
    prepared = endorsed_alike(client1, "Append", key, "2")
    assert client1.evaluate("Get", key) == "1"
    client1.send(prepared)
    assert client1.status(prepared).code == "VALID"
    assert client1.evaluate("Get", key) == "12"


def test_transient_data(client1: ScenarioClient, key: str) -> None:
    transient = {"conga": "transient value", "other": ""}
    assert client1.evaluate("Transient", "conga", transient=transient) == "transient value"
    assert client1.submit("Transient", "conga", transient=transient) == "transient value"
    client1.submit("PutTransient", key, "conga", transient=transient)
    assert client1.evaluate("Get", key) == "transient value"


def test_evaluate_with_error_response(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("", "UNKNOWN", org1, text="chaincode response 500, TRANSACTION_ERROR"):
        client1.evaluate("Fail", "TRANSACTION_ERROR")


def test_submit_with_error_response(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("endorse", "ABORTED", org1, text="chaincode response 500, TRANSACTION_ERROR"):
        client1.submit("Fail", "TRANSACTION_ERROR")


def test_status_codes_from_400_refuse(client1: ScenarioClient, org1: Organisation) -> None:
    with fails("endorse", "ABORTED", org1, text="chaincode response 400, no"):
        client1.submit("Status", "400", "no")
    with fails("", "UNKNOWN", org1, text="chaincode response 400, no"):
        client1.evaluate("Status", "400", "no")
    client1.submit("Status", "399", "fine")


def test_a_large_value(client1: ScenarioClient, key: str) -> None:
    size = 3 << 20
    client1.submit("Fill", key, str(size))
    expected = {"sha256": hashlib.sha256(b"x" * size).hexdigest(), "size": size}
    assert json.loads(client1.evaluate("Digest", key)) == expected
    assert len(client1.evaluate("Get", key)) == size


def test_the_chaincode_sees_its_caller_and_transaction(client1: ScenarioClient, client2: ScenarioClient) -> None:
    assert json.loads(client1.evaluate("WhoAmI"))["mspId"] == "Org1MSP"
    assert json.loads(client2.submit("WhoAmI"))["mspId"] == "Org2MSP"
    prepared = client1.endorse("TxId")
    assert prepared.result == prepared.transaction_id
    assert client1.evaluate("Channel") == "mychannel"


def test_ranges_and_composite_keys(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutMany", key, "3", "v")
    entries = [[f"{key}{n:06d}", "v"] for n in range(3)]
    assert json.loads(client1.evaluate("Range", key, f"{key}~")) == entries
    assert json.loads(client1.evaluate("Range", f"{key}000001", f"{key}000002")) == entries[1:2]
    client1.submit("PutComposite", "kind", "1", key, "a")
    client1.submit("PutComposite", "kind", "2", key, "b")
    assert json.loads(client1.evaluate("ListComposite", "kind", key)) == [[[key, "a"], "1"], [[key, "b"], "2"]]


def test_history_is_newest_first_with_deletes(client1: ScenarioClient, key: str) -> None:
    identifiers = []
    for transaction in (("Put", key, "1"), ("Del", key), ("Put", key, "2")):
        prepared = client1.endorse(*transaction)
        client1.send(prepared)
        assert client1.status(prepared).code == "VALID"
        identifiers.insert(0, prepared.transaction_id)
    versions = json.loads(client1.evaluate("History", key))
    assert [(v["txId"], v["value"], v["isDelete"]) for v in versions] == [
        (identifiers[0], "2", False),
        (identifiers[1], "", True),
        (identifiers[2], "1", False),
    ]
