# SPDX-License-Identifier: Apache-2.0
"""Rules of VerifyUpdate and VerifyRound: documents, checks on bytes and one ``judge`` for all."""

from medquorum.core.rules.candidates import Candidate, Reason, Verdict, screen, squared_distance
from medquorum.core.rules.documents import Floor, PerUpdate, Prefix, Rule, Subject, parse_rule
from medquorum.core.rules.judge import judge
from medquorum.core.rules.prefix import AggregateCounts

__all__ = [
    "AggregateCounts",
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
