# SPDX-License-Identifier: Apache-2.0
"""What a Flower ClientApp is asked in a round, and what its answers become."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from medquorum.errors import ConfigError
from medquorum.hospital import CheckedModel, Context, connect

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["run_client_app"]

Value: TypeAlias = bool | int | float | str
Config: TypeAlias = Mapping[str, Value]
EXTRA = "medquorum[flower]"
NODE = 1
"""The one node, run and task that a ClientApp sees."""


def run_client_app(
    app: str | Callable[..., Any],
    *,
    task: str,
    profile: Path | str,
    identity: str = "User1",
    state: Path | str | None = None,
    run_config: Config | None = None,
    node_config: Config | None = None,
    message_config: Config | None = None,
    deadline: float | None = None,
    on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> CheckedModel | None:
    """Take part in a task until it has ended, with a ClientApp's ``train`` and, where it has one, its ``evaluate``.

    An app that raises, answers with an error, or with arrays that are no update of the model costs its round only.

    Parameters
    ----------
    app
        A ClientApp, or where it is: ``package.module:name``.
    profile, identity, state, on_event
        As of ``medquorum.hospital.connect``.
    run_config, node_config
        What the app reads of its context: local epochs, say, and its partition.
    message_config
        What the server would send with the arrays, such as ``{"lr": 0.1}``; ``server-round`` is always there.
    deadline
        Seconds that a training may take.

    Returns
    -------
    The task's last model; None after it was stopped.

    Raises
    ------
    ConfigError
        There is no such app, or no Flower.
    """
    client = _ClientApp(_loaded(app), dict(run_config or {}), dict(node_config or {}), dict(message_config or {}))
    with connect(profile, identity, state=state, on_event=on_event) as hospital:
        return hospital.task(task).run(
            client.train, evaluate=client.evaluate if client.evaluates else None, deadline=deadline
        )


class _ClientApp:
    """A ClientApp behind the two functions that a hospital's life asks for."""

    def __init__(self, app: Callable[..., Any], run_config: Config, node_config: Config, message: Config) -> None:
        self._app = app
        self._message = message
        self._records = _flower("flwr.app")
        _identify()
        self._context = self._records.Context(
            run_id=NODE,
            node_id=NODE,
            node_config=node_config,
            state=self._records.RecordDict(),
            run_config=run_config,
        )

    @property
    def evaluates(self) -> bool:
        """Whether the app has an evaluate function; one made of a ``client_fn`` always has."""
        return getattr(self._app, "_call", None) is not None or "evaluate.default" in getattr(
            self._app, "_registered_funcs", {}
        )

    def train(self, module: nn.Module, data: None, context: Context) -> dict[str, torch.Tensor]:
        """Return the arrays that the app answers with."""
        content = self._asked("train", module, context.round)
        context.log(**_metrics(content))
        [arrays] = content.array_records.values()
        state: dict[str, torch.Tensor] = arrays.to_torch_state_dict()
        return state

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Return the metrics that the app answers with."""
        return _metrics(self._asked("evaluate", module, 0))

    def _asked(self, kind: str, module: nn.Module, round_number: int) -> Any:
        arrays = self._records.ArrayRecord(module.cpu().state_dict())
        config = self._records.ConfigRecord({"server-round": round_number, **self._message})
        content = self._records.RecordDict({"arrays": arrays, "config": config})
        reply = self._app(self._records.Message(content, dst_node_id=NODE, message_type=kind), self._context)
        if reply.has_error():
            raise RuntimeError(f"the ClientApp answers with an error: {reply.error.reason}")
        return reply.content


def _metrics(content: Any) -> dict[str, float]:
    return {name: value for record in content.metric_records.values() for name, value in record.items()}


def _loaded(app: str | Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(app, str):
        return app
    module, _, name = app.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name or "app")
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"there is no ClientApp {app}: {error}", "Name it as package.module:name") from error
    return found


def _flower(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"Flower cannot be loaded: {error}", f'pip install "{EXTRA}"') from error


def _identify() -> None:
    """Say who the process is, which messages want to know from Flower 1.30 on."""
    try:
        identity = importlib.import_module("flwr.supercore.task_identity").TaskIdentity
    except ImportError:
        return
    identity.run_id = identity.node_id = identity.task_id = NODE
