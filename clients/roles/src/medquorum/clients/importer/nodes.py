# SPDX-License-Identifier: Apache-2.0
"""A traced module as the model format's graph of layers; all that does not fit is told at once."""

from __future__ import annotations

from medquorum.clients.importer.chain import logits_of, needed_for, refuse
from medquorum.clients.importer.graph import Graph, Operation
from medquorum.clients.importer.graph_layers import Fields, fields_of
from medquorum.clients.importer.layers import Unsupported
from medquorum.core.model.graph.shapes import INPUT

__all__ = ["nodes_of_graph"]


def nodes_of_graph(graph: Graph) -> list[Fields]:
    """Return the layers from a module's input to its logits, each with the names of those it takes values from.

    Raises
    ------
    ModelError
        Operations without a layer in the format: every one with its layer, source line, cause and remedy.
    """
    result = logits_of(graph)
    needed = needed_for(result)
    reader = _Reader(graph.input)
    for operation in graph.operations:
        if id(operation) in needed and operation is not graph.input:
            reader.read(operation)
    refuse(list(reader.problems.values()))
    return reader.layers


class _Reader:
    def __init__(self, entry: Operation) -> None:
        self.layers: list[Fields] = []
        self.problems: dict[int, str] = {}
        self._values = {id(entry): INPUT}
        self._names: set[str] = {INPUT}
        if len(entry.shape) == 2:
            self._values[id(entry)] = self._append({"op": "flatten"}, [INPUT])

    def read(self, operation: Operation) -> None:
        """Append an operation's layers; what does not fit becomes a problem."""
        try:
            made = fields_of(operation)
        except Unsupported as error:
            self.problems[id(operation)] = f"{operation} {error.cause}. {error.remedy}"
            made = []
        # After a problem values are missing: only what else does not fit is looked for.
        before = [self._values.get(id(item), INPUT) for item in operation.before]
        for fields in made:
            before = [self._append(fields, before)]
        self._values[id(operation)] = before[0] if before else INPUT

    def _append(self, fields: Fields, before: list[str]) -> str:
        name = fields.get("name", f"{fields['op']}_{len(self.layers)}")
        while name in self._names and "name" not in fields:
            name += "_"
        self._names.add(name)
        self.layers.append({**fields, "name": name, "from": before})
        return str(name)
