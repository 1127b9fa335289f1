# SPDX-License-Identifier: Apache-2.0
"""A traced module as the model format's chain of layers, with its residuals; all that does not fit is told at once."""

from __future__ import annotations

from collections.abc import Iterable

from medquorum.clients.importer.graph import Graph, Operation
from medquorum.clients.importer.layers import Layer, Unsupported, layers_of
from medquorum.errors import ModelError

__all__ = ["layers_of_graph", "logits_of", "needed_for", "probabilities_of", "refuse"]

_ENDS = {"softmax", "log_softmax", "sigmoid", "dropout"}
"""What may stand after the logits: it does not change which is the largest, or above one half."""
_RESIDUAL = (
    "A residual adds a body that ends in a convolution (and batch normalisation) to its input, or to a conv of it"
)


def layers_of_graph(graph: Graph) -> list[Layer]:
    """Return the layers from a module's input to its logits.

    Raises
    ------
    ModelError
        Operations without a layer in the format: every one with its layer, source line, cause and remedy.
    """
    result = logits_of(graph)
    reader = _Reader(graph)
    needed = needed_for(result)
    for operation in graph.operations:
        if id(operation) in needed:
            reader.look_at(operation)
    layers = reader.chain(result, graph.input) if not reader.problems else []
    refuse(list(reader.problems.values()))
    return layers


def refuse(problems: list[str]) -> None:
    """Tell all problems at once with ``ModelError``, if there are any."""
    if problems:
        raise ModelError(
            "the module cannot be described:\n" + "\n".join(f"  {problem}" for problem in dict.fromkeys(problems)),
            "See docs/reference/python.md for the layers there are",
        )


def logits_of(graph: Graph) -> Operation:
    """Return the operation that gives a module's logits, before what changes none of its answers."""
    return _last_operations(graph)[-1]


def probabilities_of(graph: Graph) -> str:
    """Return ``softmax`` or ``sigmoid`` where that makes the module's results of its logits, else nothing."""
    kinds = [operation.kind for operation in _last_operations(graph)[:-1]]
    return next((kind for kind in kinds if kind in ("softmax", "sigmoid")), "")


def _last_operations(graph: Graph) -> list[Operation]:
    """Return a module's last operations, from its result back to its logits."""
    path = [graph.result]
    while path[-1].before and (path[-1].kind in _ENDS or _drops_axis(path[-1])):
        path.append(path[-1].before[0])
    return path


def _drops_axis(result: Operation) -> bool:
    """Return whether an operation only turns (n, 1) into (n,)."""
    return len(result.shape) == 1 and result.before[0].shape == (*result.shape, 1)


def needed_for(result: Operation) -> set[int]:
    """Return the ids of the operations a result depends on, its own included."""
    needed: set[int] = set()
    ahead = [result]
    while ahead:
        operation = ahead.pop()
        if id(operation) not in needed:
            needed.add(id(operation))
            ahead += operation.before
    return needed


class _Reader:
    """Reads layers backwards from a result, collecting problems by operation."""

    def __init__(self, graph: Graph) -> None:
        self.problems: dict[int, str] = {}
        self._graph = graph

    def look_at(self, operation: Operation) -> list[Layer]:
        """Return an operation's layers; what does not fit becomes a problem."""
        if operation is self._graph.input or _is_sum(operation):
            return []
        try:
            return layers_of(operation)
        except Unsupported as error:
            self._tell(operation, error.cause, error.remedy)
            return []

    def chain(self, end: Operation, start: Operation) -> list[Layer]:
        """Return the layers from one value to another that it comes from by single values and residuals."""
        chained: list[Layer] = []
        operation = end
        while operation is not start:
            if not _is_sum(operation):
                layers, operation = self.look_at(operation), operation.before[0]
            else:
                layers, fork = self._residual(operation)
                if fork is None:
                    return []
                operation = fork
            chained = [*layers, *chained]
        return chained

    def _residual(self, operation: Operation) -> tuple[list[Layer], Operation | None]:
        first, second = operation.before
        behind = [id(item) for item in _plain_path(second)]
        fork = next((item for item in _plain_path(first) if id(item) in behind), None)
        if fork is None:
            self._tell(operation, "adds values without a common beginning nearby", _RESIDUAL)
            return [], None
        paths = [self.chain(path, fork) for path in (first, second)]
        kinds = [[layer["op"] for layer in path] for path in paths]
        for body, shortcut in ((0, 1), (1, 0)):
            ends_well = kinds[body][-1:] == ["conv"] or kinds[body][-2:] == ["conv", "batchnorm"]
            if ends_well and kinds[shortcut] in ([], ["conv"], ["conv", "batchnorm"]):
                return [{"op": "residual", "body": paths[body], "shortcut": paths[shortcut]}], fork
        self._tell(operation, f"adds {_listed(kinds[0])} and {_listed(kinds[1])}", _RESIDUAL)
        return [], None

    def _tell(self, operation: Operation, cause: str, remedy: str) -> None:
        self.problems.setdefault(id(operation), f"{operation} {cause}. {remedy}")


def _plain_path(end: Operation) -> list[Operation]:
    """Return an operation and those before it, as long as each takes one value; the last one included."""
    path = [end]
    while not _is_sum(path[-1]) and len(path[-1].before) == 1:
        path.append(path[-1].before[0])
    return path


def _is_sum(operation: Operation) -> bool:
    return operation.kind == "add" and len(operation.before) == 2 and operation.given.get("alpha") == 1


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(kinds) or "its input"
