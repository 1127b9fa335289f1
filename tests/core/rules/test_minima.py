# SPDX-License-Identifier: Apache-2.0
"""Least counts say exactly what ``judge`` says."""

from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules import Candidate, judge, parse_rule
from medquorum.core.rules.minima import least_counts

TOTALS = (40, 25, 0)
thousandths = st.integers(0, 1000)
counts = st.tuples(*(st.integers(0, total) for total in TOTALS))
rules = st.one_of(
    st.just({"name": "strict"}),
    st.builds(lambda s: {"name": "slack", "slack": s}, thousandths),
    st.builds(lambda h: {"name": "threshold", "threshold": h}, thousandths),
    st.builds(
        lambda s, f, least, on: {"name": "floor", "slack": s, "floor": f, "least": least, "floor_on": on},
        thousandths,
        thousandths,
        thousandths,
        st.sampled_from(["p", "r"]),
    ),
)


def count_correct(per_class):
    return AccuracyCounts(sum(per_class), per_class, TOTALS)


@given(rules, counts, counts, counts)
def test_reaching_the_least_counts_is_being_accepted(document, base, mixed, own):
    rule = parse_rule(document)
    found = {"mixed": count_correct(mixed), "own": count_correct(own)}
    reached = all(
        found[subject].correct >= total
        and all(c >= least for c, least in zip(found[subject].per_class_correct, classes, strict=True))
        for subject, (total, classes) in least_counts(rule, count_correct(base)).items()
    )
    judged = judge(rule, count_correct(base), [Candidate("H", **{name: found[name] for name in rule.subjects})])
    assert reached == judged[0].accepted
