# SPDX-License-Identifier: Apache-2.0
"""What the rule ``direction`` must show, answered from the results that are there; every exception is named."""

from __future__ import annotations

from .answer import Answer
from .conduct import harmful, heard, refused, successful
from .strength import against, majority, published, two_classes
from .summary import Study
from .wording import table

__all__ = ["answers", "told"]


def answers(study: Study) -> list[Answer]:
    """Answer each demand."""
    return [
        against(study, "honest", "averaging over the honest"),
        against(study, "prefix", "`prefix`"),
        published(study),
        harmful(study, "accuracy"),
        harmful(study, "margin"),
        refused(study, "evenly dealt", 0.02),
        refused(study, "Dir(0.3), over two classes", 0.05),
        heard(study),
        successful(study),
        *(majority(study, attack) for attack in ("pairwise-flip", "min-max", "alie")),
        two_classes(study),
    ]


def told(study: Study) -> str:
    """Return the answers as Markdown, and a table of all exceptions."""
    given = answers(study)
    rows = [[each.must, each.found or "not run", _verdict(each)] for each in given]
    parts = [table(["must show", "found", "holds"], rows)]
    exceptions = [[each.must.split(":")[0], where] for each in given for where in each.exceptions]
    if exceptions:
        parts.append(table(["exception to", "where"], exceptions))
    return "\n\n".join(parts)


def _verdict(answer: Answer) -> str:
    if not answer.found:
        return ""
    return "yes" if answer.holds else "**no**"
