# SPDX-License-Identifier: Apache-2.0
"""From a proposal's arguments to a typed function: ``@transaction`` may write, ``@evaluate`` only answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_type_hints

from medquorum.chaincode.arguments import Argument
from medquorum.chaincode.context import Context
from medquorum.core import canonical
from medquorum.errors import ContractError

__all__ = ["Answer", "Transaction", "collect", "evaluate", "transaction"]

Answer = bytes | dict[str, Any] | list[Any] | str | None
Function = Callable[..., Answer]


@dataclass(frozen=True)
class Transaction:
    """A transaction function with its name and its arguments in order."""

    name: str
    function: Function
    arguments: Mapping[str, Argument]
    read_only: bool

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __call__(self, context: Context, raw: Sequence[bytes]) -> bytes:
        """Check the arguments, run the function and return its answer's bytes (canonical JSON unless it is bytes).

        Raises
        ------
        ContractError
            ``BAD_ARGUMENT`` for a wrong number or form of arguments, or the function's own refusal.
        """
        if len(raw) != len(self.arguments):
            expected = ", ".join(self.arguments) or "none"
            raise ContractError("BAD_ARGUMENT", f"{self.name} was given {len(raw)} arguments", f"It takes: {expected}")
        values = [argument.read(name, r) for (name, argument), r in zip(self.arguments.items(), raw, strict=True)]
        answer = self.function(context, *values)
        return answer if isinstance(answer, bytes) else canonical.encode(answer)


def transaction(function: Function) -> Transaction:
    """Make a function a transaction: ``open_round`` is called ``OpenRound``."""
    return _make(function, read_only=False)


def evaluate(function: Function) -> Transaction:
    """Make a function an evaluate-only transaction; it cannot write."""
    return _make(function, read_only=True)


def collect(modules: Sequence[ModuleType]) -> dict[str, Transaction]:
    """Gather the modules' transactions by name."""
    transactions = [value for module in modules for value in vars(module).values() if isinstance(value, Transaction)]
    return {t.name: t for t in sorted(transactions, key=lambda t: t.name)}


def _make(function: Function, *, read_only: bool) -> Transaction:
    name = "".join(word.capitalize() for word in function.__name__.split("_"))
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters)[1:]
    arguments = {parameter: hints[parameter].__metadata__[0] for parameter in parameters}
    return Transaction(name, function, arguments, read_only)
