# SPDX-License-Identifier: Apache-2.0
"""A module's computation as torch.export sees it: operations with the layer and the source line they come from."""

from __future__ import annotations

import copy
import re
import warnings
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.export import ExportedProgram

from medquorum.clients.training.formats.tracing import TRACING
from medquorum.errors import ModelError

__all__ = ["Graph", "Operation", "TensorName", "trace"]

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\w+)')
_LIBRARY = re.compile(r"/torch/(nn|_|fx|export|utils)")


class TensorName(NamedTuple):
    """A parameter or buffer among an operation's arguments, by its name in the state dict."""

    name: str
    shape: tuple[int, ...]


@dataclass(eq=False)
class Operation:
    """One operation.

    Attributes
    ----------
    kind
        torch's name of it: ``conv2d``.
    layer
        The module it belongs to, as in ``named_modules``; empty for the outermost.
    given
        Its arguments by name, defaults included: values, tensors' names, other operations.
    shape
        Of its result, the batch included.
    """

    kind: str
    layer: str
    source: str
    given: dict[str, Any] = field(repr=False)
    shape: tuple[int, ...]
    users: list[Operation] = field(default_factory=list, repr=False)

    @property
    def before(self) -> list[Operation]:
        """The operations whose results it takes."""
        operations: list[Operation] = []
        for value in self.given.values():
            operations += [
                item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Operation)
            ]
        return operations

    def __str__(self) -> str:
        place = f" ({self.source})" if self.source else ""
        return f"{self.layer or 'the module'}: {self.kind}{place}"


@dataclass(frozen=True)
class Graph:
    """A traced module: its operations in order, the input and the result among them."""

    operations: list[Operation]
    input: Operation
    result: Operation


def trace(module: nn.Module, example: torch.Tensor) -> Graph:
    """Trace a copy of a module in eval mode on the example's first input, taken twice; the module stays as it is.

    Raises
    ------
    ModelError
        Neither torch.export nor torch.fx can follow it, or it has several results.
    """
    copied = copy.deepcopy(module).eval().cpu()
    batch = example[:1].detach().cpu().repeat(2, *[1] * (example.ndim - 1))
    with TRACING:
        return _graph(_exported(copied, batch))


def _exported(module: nn.Module, batch: torch.Tensor) -> ExportedProgram:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.export.export(module, (batch,), strict=False)
        except Exception as first:
            try:
                return torch.export.export(fx.symbolic_trace(module), (batch,), strict=False)
            except Exception:
                cause = str(first).strip().splitlines()[0] if str(first).strip() else type(first).__name__
                raise ModelError(
                    f"the module cannot be traced: {type(first).__name__}: {cause}",
                    "Write forward() without branches that depend on values, for one input tensor",
                ) from first


def _graph(program: ExportedProgram) -> Graph:
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    made: dict[fx.Node, Any] = {}
    operations: list[Operation] = []
    results: list[Any] = []
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            made[node] = TensorName(names[node.name], tuple(node.meta["val"].shape))
        elif node.op == "output":
            results = [made.get(value, value) for value in node.args[0]]
        else:
            made[node] = _operation(node, made)
            operations.append(made[node])
    inputs = [made[node] for node in program.graph.nodes if node.name in signature.user_inputs]
    if len(results) != 1 or not isinstance(results[0], Operation):
        raise ModelError(f"the module has {len(results)} results", "Return the logits only")
    for operation in operations:
        for earlier in operation.before:
            earlier.users.append(operation)
    return Graph(operations, inputs[0], results[0])


def _operation(node: fx.Node, made: dict[fx.Node, Any]) -> Operation:
    value = node.meta.get("val")
    shape = tuple(int(size) for size in value.shape) if isinstance(value, torch.Tensor) else ()
    stack = [str(path) for path, _ in node.meta.get("nn_module_stack", {}).values()]
    layer = (stack or [""])[-1]
    if node.op == "placeholder":
        return Operation("input", "", "", {}, shape)
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        given = {str(index): _value(argument, made) for index, argument in enumerate(node.args)}
        return Operation(getattr(node.target, "__name__", str(node.target)), layer, _source(node), given, shape)
    given = {}
    for index, argument in enumerate(schema.arguments):
        default = argument.default_value if argument.has_default_value() else None
        passed = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name, default)
        given[argument.name] = _value(passed, made)
    return Operation(str(schema.name).removeprefix("aten::").rstrip("_"), layer, _source(node), given, shape)


def _value(value: Any, made: dict[fx.Node, Any]) -> Any:
    if isinstance(value, fx.Node):
        return made[value]
    return [_value(item, made) for item in value] if isinstance(value, list | tuple) else value


def _source(node: fx.Node) -> str:
    """Return the last line of the caller's own code that an operation comes from: ``model.py:12``."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    own = [(path, line) for path, line, _ in frames if not _LIBRARY.search(path)]
    return f"{own[-1][0].rpartition('/')[2]}:{own[-1][1]}" if own else ""
