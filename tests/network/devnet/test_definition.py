# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medquorum.errors import ConfigError
from medquorum.network.devnet.policy import policy
from medquorum.network.devnet.policy.definition import Definitions

DEFINITION: dict[str, Any] = {
    "version": "1.0",
    "sequence": 1,
    "policy": "OutOf(2, 'A.peer', 'B.peer')",
    "collections": [
        {
            "name": "c",
            "policy": "OR('A.member')",
            "blockToLive": 3,
            "endorsementPolicy": {"signaturePolicy": "OR('A.peer')"},
        }
    ],
    "endpoints": {"A": {"address": "127.0.0.1:1", "root_cert": "a.pem"}},
    "package_id": "l:h",
}


def write(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({"name": DEFINITION | changes}))


def test_definitions_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chaincodes.json"
    definitions = Definitions(path)
    assert definitions.get("name") is None
    write(path)
    found = definitions.get("name")
    assert found is not None and found.version == "1.0"
    collection = found.collection("c")
    assert collection is not None and collection.block_to_live == 3 and not collection.member_only_read
    assert collection.endorsement == policy.parse("OR('A.peer')")
    write(path, version="2.0 of another length")
    changed = definitions.get("name")
    assert changed is not None and changed.version == "2.0 of another length"


def test_a_malformed_file_is_refused_at_first_and_ignored_later(tmp_path: Path) -> None:
    path = tmp_path / "chaincodes.json"
    path.write_text("{")
    with pytest.raises(ConfigError, match="no chaincode list"):
        Definitions(path).current()
    write(path)
    definitions = Definitions(path)
    before = definitions.current()
    write(path, policy="nonsense")
    assert definitions.current() == before


@pytest.mark.parametrize(
    "change",
    [
        {"policy": "OR('A.king')"},
        {"sequence": "one"},
        {"unknown": 1},
        {"collections": [{"name": "c"}]},
        {"collections": [{"name": "c", "policy": "OR("}]},
        {"endpoints": []},
    ],
)
def test_bad_definitions(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "chaincodes.json"
    write(path, **change)
    with pytest.raises(ConfigError):
        Definitions(path).current()


def test_defaults(tmp_path: Path) -> None:
    path = tmp_path / "chaincodes.json"
    write(path, policy="", collections=[])
    found = Definitions(path).get("name")
    assert found is not None
    assert found.endorsement(["A", "B", "C", "D"]) == policy.parse("OutOf(3, 'A.peer', 'B.peer', 'C.peer', 'D.peer')")
    own = found.collection("_implicit_org_BMSP")
    assert own is not None and policy.member_organisations(own.members) == {"BMSP"}
    assert found.collection("c") is None
