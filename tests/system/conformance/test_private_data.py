# SPDX-License-Identifier: Apache-2.0
"""Feature: private data collections (``shared``: Org1 and Org2; ``narrow`` and ``own``: Org1), purge."""

from __future__ import annotations

import hashlib

import pytest
import tenacity

from medquorum_testing.gateway.scenario import Organisation, ScenarioClient, ScenarioError, fails

SECRET = {"value": "secret"}


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(ScenarioError),
    wait=tenacity.wait_fixed(0.1),
    stop=tenacity.stop_after_delay(10),
    reraise=True,
)
def eventually(client: ScenarioClient, *call: str) -> str:
    """Evaluate on another peer than the one that has confirmed the commit."""
    return client.evaluate(*call)


def test_members_write_and_read(client1: ScenarioClient, client2: ScenarioClient, key: str) -> None:
    client1.submit("PutPrivate", "shared", key, transient=SECRET)
    assert client1.evaluate("GetPrivate", "shared", key) == "secret"
    assert eventually(client2, "GetPrivate", "shared", key) == "secret"


def test_others_read_only_the_hash(
    client1: ScenarioClient, client3: ScenarioClient, org3: Organisation, key: str
) -> None:
    client1.submit("PutPrivate", "shared", key, transient=SECRET)
    expected = hashlib.sha256(b"secret").hexdigest()
    assert eventually(client3, "HashPrivate", "shared", key) == expected
    with pytest.raises(ScenarioError) as caught:
        client3.evaluate("GetPrivate", "shared", key)
    assert caught.value.code == "UNKNOWN"


def test_others_cannot_write_where_only_members_may(client3: ScenarioClient, key: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        client3.submit("PutPrivate", "shared", key, transient=SECRET)
    assert (caught.value.stage, caught.value.code) == ("endorse", "ABORTED")


def test_others_write_where_anyone_may_but_cannot_read(
    client1: ScenarioClient, client2: ScenarioClient, org1: Organisation, key: str
) -> None:
    client2.submit("PutPrivate", "own", key, transient=SECRET, organisations=[org1])
    assert eventually(client1, "GetPrivate", "own", key) == "secret"
    with pytest.raises(ScenarioError) as caught:
        client2.evaluate("GetPrivate", "own", key)
    assert caught.value.code == "UNKNOWN"


def test_transient_data_goes_to_members_only(client1: ScenarioClient, key: str) -> None:
    """One member cannot satisfy two of three, and nobody else may see the transient data."""
    with fails("endorse", "FAILED_PRECONDITION"):
        client1.submit("PutPrivate", "narrow", key, transient=SECRET)


def test_named_organisations_see_transient_data(
    client1: ScenarioClient, org1: Organisation, org3: Organisation, key: str
) -> None:
    client1.submit("PutPrivate", "narrow", key, transient=SECRET, organisations=[org1, org3])
    assert client1.evaluate("GetPrivate", "narrow", key) == "secret"


def test_a_collections_own_endorsement_policy(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutPrivate", "own", key, transient=SECRET)
    assert client1.evaluate("GetPrivate", "own", key) == "secret"


def test_delete(client1: ScenarioClient, org1: Organisation, key: str) -> None:
    client1.submit("PutPrivate", "shared", key, transient=SECRET)
    client1.submit("DelPrivate", "shared", key)
    with fails("", "UNKNOWN", org1):
        client1.evaluate("GetPrivate", "shared", key)


def test_purge(client1: ScenarioClient, client3: ScenarioClient, org1: Organisation, key: str) -> None:
    client1.submit("PutPrivate", "shared", key, transient=SECRET)
    client1.submit("PurgePrivate", "shared", key)
    with fails("", "UNKNOWN", org1):
        client1.evaluate("GetPrivate", "shared", key)
    with fails("", "UNKNOWN", org1):
        client1.evaluate("HashPrivate", "shared", key)
    client1.submit("PutPrivate", "shared", key, transient={"value": "again"})
    assert client1.evaluate("GetPrivate", "shared", key) == "again"


def test_private_data_in_block_events(client1: ScenarioClient, client3: ScenarioClient, key: str) -> None:
    prepared = client1.endorse("PutPrivate", "shared", key, transient=SECRET)
    client1.send(prepared)
    outcome = client1.status(prepared)
    for client, collections in ((client1, ["shared"]), (client3, [])):
        stream = client.blocks("private", start=outcome.block)
        block = stream.next()
        stream.close()
        assert block["collections"] == collections
        assert {"transaction_id": prepared.transaction_id, "code": "VALID"} in block["transactions"]
