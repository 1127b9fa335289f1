# SPDX-License-Identifier: Apache-2.0
"""The prefix rule over a whole round, for hospitals whose data are unlike each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules.candidates import Candidate
from medquorum.core.rules.documents import Prefix
from medquorum.core.rules.update import subject, within_slack

__all__ = ["AggregateCounts", "best_prefix", "ranked"]

AggregateCounts: TypeAlias = Callable[[tuple[str, ...]], AccuracyCounts]
"""Gives the accuracy counts of the next model if exactly the named updates were accepted."""


def ranked(candidates: Sequence[Candidate]) -> list[str]:
    """Order names by correct(p), best first, equal counts by name.

    Raises
    ------
    ContractError
        ``NOT_READY`` when some p was not evaluated.
    """
    return [item.name for item in sorted(candidates, key=lambda item: (-subject(item, "mixed").correct, item.name))]


def best_prefix(rule: Prefix, base: AccuracyCounts, prefixes: Mapping[str, AccuracyCounts], minimum: int) -> set[str]:
    """Return the accepted names.

    Parameters
    ----------
    prefixes
        Mapping of name to AccuracyCounts.
        In ranked order, for each name the accuracy counts of the aggregate of the prefix that ends with it.
    minimum
        Shorter prefixes do not count.

    Returns
    -------
    set of str
        The prefix whose aggregate has most correct, the longest among equals; empty when even that one is not
        within ``slack`` of w.
    """
    names = list(prefixes)
    lengths = range(max(minimum, 1), len(names) + 1)
    if not lengths:
        return set()
    length = max(lengths, key=lambda length: (prefixes[names[length - 1]].correct, length))
    return set(names[:length]) if within_slack(prefixes[names[length - 1]], base, rule.slack) else set()
