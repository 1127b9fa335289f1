# SPDX-License-Identifier: Apache-2.0
"""Rules of VerifyUpdate and VerifyRound: documents, checks on bytes and one ``judge`` for all."""

from medquorum.core.rules.candidates import Candidate, Reason, Verdict, screen
from medquorum.core.rules.direction.judge import direction_candidate, judge_direction
from medquorum.core.rules.direction.levels import MOST_CHANNELS, RootUpdate
from medquorum.core.rules.direction.margin import losses_fit, margin_loss
from medquorum.core.rules.direction.search import Judge, LossJudge, Weights
from medquorum.core.rules.direction.weights import MEMBERS, WEIGHT_BITS, full_weight, spread
from medquorum.core.rules.distance import hidden_limit, squared_distance, squared_limit
from medquorum.core.rules.documents import (
    Counting,
    Direction,
    Floor,
    PerUpdate,
    Prefix,
    Rule,
    Subject,
    Weighted,
    counting_rule,
    parse_rule,
)
from medquorum.core.rules.judge import judge
from medquorum.core.rules.prefix import AggregateCounts

__all__ = [
    "MEMBERS",
    "MOST_CHANNELS",
    "WEIGHT_BITS",
    "AggregateCounts",
    "Candidate",
    "Counting",
    "Direction",
    "Floor",
    "Judge",
    "LossJudge",
    "PerUpdate",
    "Prefix",
    "Reason",
    "RootUpdate",
    "Rule",
    "Subject",
    "Verdict",
    "Weighted",
    "Weights",
    "counting_rule",
    "direction_candidate",
    "full_weight",
    "hidden_limit",
    "judge",
    "judge_direction",
    "losses_fit",
    "margin_loss",
    "parse_rule",
    "screen",
    "spread",
    "squared_distance",
    "squared_limit",
]
