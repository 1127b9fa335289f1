# SPDX-License-Identifier: Apache-2.0
"""What network operators send one another: consortium files, organisations' bundles, changes of the channel."""

from medquorum.clients.proof.trust_root import read_root
from medquorum.errors import MedquorumError
from medquorum.network.consortium.consortium import load, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import config_update
from medquorum.network.identity import bundle, crypto, profiles
from medquorum_testing.fuzzing.runner import scratch_file

FOLDER = NetworkFolder(scratch_file("network"))
CONSORTIUM = sample("small", hospitals=1)
write(CONSORTIUM, FOLDER.consortium)
crypto.generate(CONSORTIUM, FOLDER)
profiles.write_all(CONSORTIUM, FOLDER)
PATH = FOLDER.root / "sent"
SEEDS = [
    FOLDER.consortium.read_bytes(),
    bundle.export(FOLDER, CONSORTIUM.organisation("Hospital1")).text.encode(),
    bundle.export(FOLDER, CONSORTIUM.orderers[0]).text.encode(),
    b"[" * 2000 + b"]" * 2000,
    b"name = " + b"[" * 2000,
    b"quorum = inf\norganisations = []\norderers = []",
]


def taken() -> None:
    """Check a bundle as it is checked before anything of it is written."""
    found = bundle.read(PATH, FOLDER)
    bundle.store(found, CONSORTIUM, FOLDER)


def endorsers() -> None:
    """Read what an auditor believes."""
    read_root(FOLDER.organizations / "peerOrganizations", PATH)


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    for read in (lambda: load(PATH), taken, lambda: config_update.read(PATH), endorsers):
        try:
            read()
        except MedquorumError:
            continue
