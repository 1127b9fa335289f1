# SPDX-License-Identifier: Apache-2.0
"""A hospital that takes part in an encrypted task from Python: its shares reach the parties while it waits."""

from __future__ import annotations

import threading

import torch

from medquorum.hospital import connect
from medquorum_testing.federation.federation import Federation


def test_an_update_from_python_is_verified_under_encryption(fed: Federation) -> None:
    fed.roles["Hospital1"].kill()
    number = fed.opened()
    with connect(fed.running.profile("Hospital1"), state=fed.state("Hospital1")) as hospital:
        task = hospital.task(fed.name)
        base = next(task.each_round(60))
        state = base.state_dict()
        state["fc2.bias"] = state["fc2.bias"] + torch.linspace(0, 0.01, 10)
        rest = threading.Thread(target=fed.finished)
        rest.start()
        verdict = task.submit(state).wait(150)
        rest.join(150)
    assert verdict.accepted, verdict
    assert verdict.round == number
    assert fed.msp("Hospital1") in fed.current.accepted
