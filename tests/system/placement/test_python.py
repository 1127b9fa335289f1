# SPDX-License-Identifier: Apache-2.0
"""A hospital from Python that is party P1 of its own update: it verifies while it waits for the verdict."""

from __future__ import annotations

import threading

from medquorum.hospital import connect
from medquorum_testing.federation.federation import Federation


def test_a_waiting_hospital_verifies_its_own_update(fed: Federation) -> None:
    fed.roles["Hospital1"].kill()
    number = fed.opened()
    with connect(fed.running.profile("Hospital1"), state=fed.state("Hospital1")) as hospital:
        task = hospital.task(fed.name)
        base = next(task.each_round(60))
        rest = threading.Thread(target=fed.finished)
        rest.start()
        verdict = task.submit(base.state_dict()).wait(150)
        rest.join(150)
    own = fed.msp("Hospital1")
    assert verdict.round == number
    assert verdict.counts is not None
    assert fed.status(number).attestations[own].keys() == {fed.msp("VerifierA"), own}
