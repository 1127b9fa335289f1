# SPDX-License-Identifier: Apache-2.0
"""A model description that its maker may look at, save, and ask what it will cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medquorum.core import model as modelformat
from medquorum.core.model.shapes import multiplications
from medquorum.errors import ModelError

__all__ = ["ModelCost", "ModelDocument"]

COMPARISON_SECONDS = {"tree": 2.4e-7, "fss": 3.6e-6}
PARAMETER_SECONDS = 5.7e-7
"""One machine of two cores, parties and dealer: docs/results/encrypted.md, resnet18 in batches of 32."""


@dataclass(frozen=True)
class ModelCost:
    """What a model costs whoever verifies an update of it.

    Attributes
    ----------
    multiplications
        For an image.
    comparisons, sent, dealt, rounds
        Of an image under encryption: comparisons; bytes to the other party; bytes from the dealer; rounds of a batch.
    seconds
        Estimate for one update and so many images, on the machine of docs/results/encrypted.md.
    """

    parameters: int
    multiplications: int
    comparisons: int = 0
    sent: int = 0
    dealt: int = 0
    rounds: int = 0
    seconds: float | None = None


class ModelDocument(dict[str, Any]):
    """A model description: the document of a task's field ``model``."""

    def check(
        self,
        verification: Literal["plain", "encrypted"] = "plain",
        *,
        images: int = 100,
        comparison: Literal["tree", "fss"] = "tree",
        grayscale: bool = False,
    ) -> ModelCost:
        """Return what the model costs; of an encrypted task this takes some seconds, and the extra ``party``.

        Parameters
        ----------
        images
            How many the estimate of seconds is for.
        grayscale
            The verification images have one channel, the model three.

        Raises
        ------
        ModelError
            The description is not one, or too large.
        """
        description = modelformat.parse(dict(self))
        parameters, products = modelformat.parameters(description), multiplications(description)
        if verification == "plain":
            return ModelCost(parameters, products)
        from medquorum.verifier.model.planning import make_plan
        from medquorum.verifier.offline.cost_model import image_cost

        plan = make_plan(description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=grayscale)
        comparisons, cost = image_cost(plan, comparison)
        seconds = parameters * PARAMETER_SECONDS + images * comparisons * COMPARISON_SECONDS[comparison]
        return ModelCost(parameters, products, comparisons, cost.sent, cost.material, cost.rounds, round(seconds, 1))

    def save(self, path: Path | str) -> None:
        """Write the document as JSON: ``medquorum admin create-task --model FILE`` reads it."""
        Path(path).write_text(json.dumps(self, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path | str) -> ModelDocument:
        """Read a document.

        Raises
        ------
        ModelError
            The file cannot be read, or is no description.
        """
        try:
            document = cls(json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{path} is no model description: {error}", "Write it with ModelDocument.save") from error
        modelformat.parse(dict(document))
        return document
