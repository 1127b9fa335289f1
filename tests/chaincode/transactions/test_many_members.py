# SPDX-License-Identifier: Apache-2.0
"""The largest consortium can be changed as it was made: a task of 256 hospitals can lose and regain one."""

from __future__ import annotations

from collections.abc import Callable

from medquorum_testing.ledger.consortium_ledger import DEALER, MEMBERS, A, B, Consortium

MANY = sorted(f"Hospital{number:03d}".ljust(61, "x") + "MSP" for number in range(256))


def test_one_of_256_hospitals_can_be_expelled(make: Callable[..., Consortium]) -> None:
    demo = make()
    assert {len(hospital) for hospital in MANY} == {64}
    members = {msp: MEMBERS[msp] for msp in (A, B, DEALER)} | {hospital: ["hospital"] for hospital in MANY}
    demo.submit(A, "InitConsortium", {"quorum": 2, "members": members}, unit="admin")
    demo.put_model(demo.model())
    demo.submit(A, "CreateTask", demo.task(hospitals=MANY))
    demo.expel(MANY[7])
    left = [hospital for hospital in MANY if hospital != MANY[7]]
    assert demo.submit(A, "UpdateHospitals", "demo", left)["hospitals"] == left
    demo.vote(members)
    assert demo.submit(A, "UpdateHospitals", "demo", MANY)["hospitals"] == MANY
