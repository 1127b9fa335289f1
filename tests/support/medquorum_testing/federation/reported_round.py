# SPDX-License-Identifier: Apache-2.0
"""A round as a run reports it: of three hospitals one attacked, and two were refused."""

from medquorum_federation.reporting.report import Round

__all__ = ["ROUND"]

ROUND = Round(
    number=1,
    accuracy=0.5,
    accepted=["Hospital1MSP"],
    refused={"Hospital2MSP": "RULE", "Hospital3MSP": "FLOOR"},
    attackers=["Hospital2MSP"],
    poisoned_accepted=0,
    poisoned_refused=1,
    honest_accepted=1,
    honest_refused=1,
    training=1.0,
    submission=0.5,
    verification=0.75,
    aggregation=0.25,
    reason="",
)
