# SPDX-License-Identifier: Apache-2.0
"""A party and the dealer killed in the middle of a verification that opens one bit, with function secret sharing."""

from __future__ import annotations

import pytest

from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.federation_task import BATCH

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3)]


@pytest.mark.parametrize("victim", ["VerifierA", "VerifierB", "Dealer"])
def test_what_is_killed_goes_on_and_one_bit_is_opened(fed: Federation, victim: str) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierB"].wait_for("progress", phase="verification", round=number, done=5 * BATCH)
    fed.roles[victim].kill()
    fed.start(victim)
    assert fed.finished().accepted == EVERYONE
    for verdict in fed.status(number).verdicts.values():
        assert (verdict.accepted, verdict.reason, verdict.mode) == (True, None, "encrypted")
        assert (verdict.counts, verdict.quality) == (None, None)
