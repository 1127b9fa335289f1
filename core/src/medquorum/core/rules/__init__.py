# SPDX-License-Identifier: Apache-2.0
"""Rules of VerifyUpdate and VerifyRound: documents, checks on bytes and one ``judge`` for all."""

from chaincode.rules.candidates import Candidate, Reason, Verdict, screen, squared_distance
from chaincode.rules.documents import Floor, PerUpdate, Prefix, Rule, Subject, parse_rule
from chaincode.rules.judge import judge
from chaincode.rules.prefix import AggregateMerit

__all__ = [
    "AggregateMerit",
    "Candidate",
    "Floor",
    "PerUpdate",
    "Prefix",
    "Reason",
    "Rule",
    "Subject",
    "Verdict",
    "judge",
    "parse_rule",
    "screen",
    "squared_distance",
]
