# SPDX-License-Identifier: Apache-2.0
"""A task: the model, the rule and the organisations of one training."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from medquorum.core import canonical, rules
from medquorum.core.documents.chunk import Length, Store, chunk_sizes
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.fields import MAX_DATASET, MAX_MEMBERS, MAX_ROUND, Hash, MspId, RoundIndex, TaskName
from medquorum.core.fixedpoint import FRACTION_BITS, MAX_LAMBDA_BITS
from medquorum.errors import ContractError

__all__ = ["Mode", "Task", "Verification"]

Members = Annotated[list[MspId], Field(min_length=1, max_length=MAX_MEMBERS)]
Thousandths = Annotated[int, Field(ge=0, le=1000)]
Verification = Literal["plain", "encrypted"]
Mode = Literal["plain", "encrypted", "encrypted-semi-honest"]
"""How a verdict was come by; ``encrypted-semi-honest`` where the hospital itself took part in it."""


class Task(Document):
    """One training: who takes part, what is trained, how an update is judged."""

    kind: ClassVar[str] = "task"
    names_format: ClassVar[bool] = True
    optional: ClassVar[frozenset[str]] = frozenset({"encrypted", "joined", "left"})

    task: TaskName
    model: dict[str, Any]
    layout: Hash
    length: Length
    initial_model: Hash
    lambda_numerator: Annotated[int, Field(ge=0, le=1 << MAX_LAMBDA_BITS)]
    lambda_bits: Annotated[int, Field(ge=0, le=MAX_LAMBDA_BITS)]
    rule: dict[str, Any]
    disclosure: Literal["count", "bit"]
    dataset: Hash
    dataset_size: Annotated[int, Field(ge=1, le=MAX_DATASET)]
    fraction_bits: Annotated[int, Field(ge=FRACTION_BITS, le=FRACTION_BITS)]
    coordinator: MspId
    standby: MspId | None
    verifiers: Members
    hospitals: Members
    quorum: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    minimum_accepted: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    model_tolerance: Thousandths
    rounds: Annotated[int, Field(ge=1, le=MAX_ROUND)]
    verification: Verification
    encrypted: Encrypted | None = None
    model_store: Store
    keep_models: Annotated[int, Field(ge=0, le=MAX_ROUND)] = 0
    """The latest models whose bytes a private store keeps; 0 keeps all."""
    keep_updates: bool
    created_by: MspId
    joined: dict[MspId, RoundIndex] | None = None
    left: dict[MspId, RoundIndex] | None = None
    """The last round there was when a hospital left: it may have put chunks until then."""

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The task's name."""
        return (self.task,)

    @field_validator("verifiers", "hospitals")
    @classmethod
    def _distinct(cls, members: list[str]) -> list[str]:
        if len(set(members)) != len(members):
            raise ValueError("an organisation is named twice")
        return sorted(members)

    @property
    def fixed_hash(self) -> str:
        """SHA-256 of what no transaction changes in a task; members may join, leave, or lose a role."""
        fields = self.plain()
        for name in ("coordinator", "hospitals", "joined", "left", "standby"):
            fields.pop(name, None)
        if self.encrypted is not None:
            fields["encrypted"] = self.encrypted.model_dump(exclude={"aggregators", "services"})
        return sha256(canonical.encode(fields)).hexdigest()

    @property
    def chunk_sizes(self) -> list[int]:
        """Bytes of each chunk of a model or update of this task."""
        return chunk_sizes(self.length)

    def taking_part(self, round_number: int) -> list[str]:
        """List the hospitals of a round: those that joined later take part from the round after."""
        joined = self.joined or {}
        return [hospital for hospital in self.hospitals if joined.get(hospital, 1) <= round_number]

    def gone_since(self, round_number: int) -> list[str]:
        """List the hospitals that may have taken part in a round and have left since."""
        return [hospital for hospital, last in (self.left or {}).items() if last >= round_number]

    @property
    def mode(self) -> Mode:
        """The label of the task's verdicts."""
        return "encrypted-semi-honest" if self.encrypted and self.encrypted.semi_honest else self.verification

    @property
    def judges_rounds(self) -> bool:
        """Return whether the rule judges all updates of a round together."""
        return rules.parse_rule(self.rule).over_round

    @property
    def has_root(self) -> bool:
        """Return whether the verifiers train a root update of their own in each round."""
        return isinstance(rules.parse_rule(self.rule), rules.Direction)

    @property
    def root_makers(self) -> list[str]:
        """List who may make a round's root update: in an encrypted task the party with the images alone."""
        return self.verifiers if self.encrypted is None else self.encrypted.parties[:1]

    def attesters(self, hospital: str) -> list[str]:
        """Return who attests what it found of a hospital's update."""
        return self.verifiers if self.encrypted is None else sorted(self.encrypted.evaluators(hospital))

    def expect(self, verification: Verification, remedy: str) -> None:
        """Refuse a transaction that is for tasks verified in the other way.

        Raises
        ------
        ContractError
            ``WRONG_MODE``.
        """
        if self.verification != verification:
            raise ContractError(
                "WRONG_MODE", f"the verification of the task {self.task} is {self.verification}", remedy
            )
