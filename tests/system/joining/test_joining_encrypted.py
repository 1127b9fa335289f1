# SPDX-License-Identifier: Apache-2.0
"""Real Fabric: a hospital joins while two parties verify updates on shares."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from medquorum_testing.federation.federation import Federation, federation
from medquorum_testing.federation.federation_task import BATCH
from medquorum_testing.federation.membership import changed, tell_the_ledger
from medquorum_testing.network.networks import Networks

pytestmark = pytest.mark.fabric
EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]


@pytest.fixture
def fed(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    running = networks.start("fabric", sample_name="quickstart", hospitals=3)
    with federation(running, tmp_path_factory.mktemp("joining"), "hidden", encrypted=True) as found:
        yield found
    running.network.down()


def test_a_hospital_joins_in_the_middle_of_an_encrypted_verification(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    witness = fed.roles["VerifierB"]
    witness.wait_for("progress", phase="verification", round=number, done=5 * BATCH)
    witness.freeze()  # the verification stays under way for as long as the change takes
    changed(fed, "add", "Hospital4")
    tell_the_ledger(fed)
    assert fed.ledger("Hospital4").task(fed.name).joined == {EVERYONE[3]: number + 1}
    shutil.copy(fed.folder / "Hospital3.npz", fed.folder / "Hospital4.npz")
    fed.start("Hospital4")
    assert len(fed.status(number).verdicts) < 3, "still under way"
    witness.thaw()
    closed = fed.finished()
    assert (closed.round, closed.candidates, closed.accepted) == (number, EVERYONE[:3], EVERYONE[:3])
    following = fed.opened()
    assert fed.finished().accepted == EVERYONE
    modes = {msp: verdict.mode for msp, verdict in fed.status(following).verdicts.items()}
    assert modes == dict.fromkeys(EVERYONE, "encrypted")
