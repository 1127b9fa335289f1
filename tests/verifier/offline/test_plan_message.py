# SPDX-License-Identifier: Apache-2.0
"""The plan as a document: read back, checked, and the batches it names."""

import pytest

from medquorum.core.model import catalogue
from medquorum.errors import ProtocolError
from medquorum.verifier.comparison.backends import fss_key
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.randomness.identifier import MaterialId

DOCUMENT = {
    "parties": ["P0MSP", "P1MSP"],
    "model": catalogue.describe("lenet", (1, 8, 8), 3),
    "subjects": ["mixed", "own"],
    "lambda_numerator": 100,
    "lambda_bits": 8,
    "grayscale": True,
    "norm": 3000,
    "per_class": True,
    "comparison": "fss",
    "batch": 4,
    "images": 10,
    "first_batch": 1,
    "needed": 8,
    "updates": 0,
    "step": None,
}


def test_what_is_read_is_written_back():
    assert PlanDocument.parse(DOCUMENT).document() == DOCUMENT


def test_batches_from_the_first_on():
    found = PlanDocument.parse(DOCUMENT)
    assert found.batches() == [(1, slice(4, 8)), (2, slice(8, 10))]
    assert PlanDocument.parse(DOCUMENT | {"first_batch": 3}).batches() == []
    plan = found.plan()
    assert [subject.key for subject in plan.subjects] == ["mixed", "own"]
    assert plan.per_class


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "extra"),
        ({"parties": ["P0MSP"]}, "parties"),
        ({"parties": ["P0MSP", "P0MSP"]}, "the parties are one organisation"),
        ({"subjects": ["mixed", "mixed"]}, "a subject is named twice"),
        ({"subjects": ["other"]}, "subjects"),
        ({"lambda_numerator": 257}, "lambda is above 1"),
        ({"batch": 0}, "batch"),
        ({"batch": 1025}, "batch"),
        ({"images": -1}, "images"),
        ({"grayscale": 1}, "grayscale"),
        ({"norm": 1.5}, "float"),
        ({"comparison": "none"}, "comparison"),
        ({"model": DOCUMENT["model"] | {"classes": 4}}, "plan is wrong"),
        ({"model": None}, "model"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ProtocolError, match=message):
        PlanDocument.parse(DOCUMENT | change)


LOSS = {"do": "loss", "rule": {"name": "direction"}, "weights": [["AMSP", 86], ["BMSP", 85], ["CMSP", 85]]}


@pytest.mark.parametrize(
    "step",
    [
        {"do": "choose", "models": ["model a"]},
        {"do": "levels", "root": 0},
        {"do": "levels", "root": 161},
        {"do": "gain", "models": ["m" * 65]},
        {"do": "gain", "models": ["model"] * 15},
        {"do": "last", "models": ["model"], "share": 1001},
        LOSS | {"weights": LOSS["weights"][:2]},
        LOSS | {"weights": [["AMSP", 86], ["BMSP", 85], ["C" * 65, 85]]},
        LOSS | {"weights": [["AMSP", 87], ["BMSP", 85], ["CMSP", 85]]},
        LOSS | {"weights": [["AMSP", 64], ["BMSP", 64], ["BMSP", 64]]},
        LOSS | {"weights": [["BMSP", 64], ["AMSP", 64], ["CMSP", 64]]},
        LOSS | {"weights": [["AMSP", 0], ["BMSP", 64], ["CMSP", 64]]},
    ],
    ids=lambda step: str(step)[:40],
)
def test_a_step_out_of_bounds_is_refused(step):
    PlanDocument.parse(DOCUMENT | {"step": LOSS})
    with pytest.raises(ProtocolError, match="the plan is wrong at step"):
        PlanDocument.parse(DOCUMENT | {"step": step})


def test_the_generators_key_is_the_verifications():
    name = MaterialId("task", 1, "HospitalMSP", 1)
    assert (
        fss_key(name)
        == fss_key(MaterialId("task", 1, "HospitalMSP", 2))
        == b'["medquorum fss v1","task",1,"HospitalMSP"]'
    )
    assert fss_key(name) != fss_key(MaterialId("task", 2, "HospitalMSP", 1))
