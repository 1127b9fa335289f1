# SPDX-License-Identifier: Apache-2.0
"""Connection profiles, JSON and YAML, and wallet identities."""

import json

import yaml

from medquorum.gateway import FabricError, read_identity, read_profile
from medquorum_testing.fuzzing.runner import scratch_file

FOLDER = scratch_file("profile")
FOLDER.mkdir()
ROOT = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
PROFILE = {
    "client": {"organization": "Org1", "tlsCerts": {"client": {"cert": {"pem": ROOT}, "key": {"pem": ROOT}}}},
    "organizations": {"Org1": {"mspid": "Org1MSP", "peers": ["peer0"]}, "Org2": {"mspid": "Org2MSP", "peers": ["p"]}},
    "peers": {"peer0": {"url": "grpcs://localhost:7051", "tlsCACerts": {"pem": ROOT}, "grpcOptions": {}}},
}
WALLET = {
    "credentials": {"certificate": ROOT, "privateKey": ROOT.replace("CERTIFICATE", "PRIVATE KEY")},
    "mspId": "Org1MSP",
    "type": "X.509",
    "version": 1,
}
SEEDS = [json.dumps(PROFILE).encode(), yaml.safe_dump(PROFILE).encode(), json.dumps(WALLET).encode()]
SEEDS += [b"? !!timestamp '2026-01-01'\n: !!int '0b1'\n&a [*a, !!binary 'AA==', !!set {a, b}, <<: {}]"]


def profile() -> None:
    own = read_profile(FOLDER / "profile").tls()
    if own:
        own.hash  # noqa: B018


def run(data: bytes) -> None:
    (FOLDER / "profile").write_bytes(data)
    (FOLDER / "one.id").write_bytes(data)
    for read in (profile, lambda: read_identity(FOLDER, "one")):
        try:
            read()
        except FabricError:
            continue
