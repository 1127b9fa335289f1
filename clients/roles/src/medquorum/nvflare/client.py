# SPDX-License-Identifier: Apache-2.0
"""The functions of NVFlare's client API, for one task of one hospital in this process."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medquorum.errors import ConfigError, ModelError
from medquorum.hospital import CheckedModel, HospitalTask, Verdict, connect
from medquorum.nvflare.model import FLModel, ParamsType

if TYPE_CHECKING:
    import torch

__all__ = [
    "clear",
    "get_job_id",
    "get_site_name",
    "init",
    "is_evaluate",
    "is_running",
    "is_submit_model",
    "is_train",
    "log",
    "receive",
    "send",
    "shutdown",
    "system_info",
]


class _Client:
    """A hospital's connection and the round it is in."""

    def __init__(self, profile: str, task: str, identity: str, state: str | None) -> None:
        self._held = ExitStack()
        hospital = self._held.enter_context(connect(profile, identity, state=state))
        self.site = hospital.msp
        self.task: HospitalTask = hospital.task(task)
        self._rounds: Iterator[CheckedModel] = self.task.each_round()
        self.base: CheckedModel | None = None
        self._handed_in = True

    def await_round(self) -> bool:
        """Wait for the next round unless the last one still lacks its update; return whether there is one."""
        if self._handed_in:
            self.base = next(self._rounds, None)
            self._handed_in = self.base is None
        return self.base is not None

    def submit(self, model: FLModel) -> Verdict | None:
        """Submit an update and wait for its verdict; None for a model without parameters."""
        base = self._current()
        if model.params is None:
            return None
        update = dict(model.params)
        if model.params_type == ParamsType.DIFF:
            update = _added(base.module().state_dict(), update)
        verdict = self.task.submit(update).wait()
        self._handed_in = True
        return verdict

    def received(self) -> FLModel:
        """Return the round's model as NVFlare hands it out."""
        base = self._current()
        return FLModel(
            params=base.module().state_dict(),
            current_round=base.round,
            total_rounds=self.task.rounds,
        )

    def close(self) -> None:
        """End the connection."""
        self._held.close()

    def _current(self) -> CheckedModel:
        if self.base is None:
            raise ConfigError("no round is open", "Call is_running() first; it waits for one")
        return self.base


class _WriterContext:
    """What NVFlare's metric writers log to."""

    @property
    def api(self) -> _WriterContext:
        """Return what has ``log``."""
        return self

    def log(self, key: str, value: Any, data_type: Any = None, **more: Any) -> None:
        """Tell the standard library's logger ``medquorum``."""
        log(key, value, data_type, **more)


_client: _Client | None = None


def init(
    rank: int | str | None = None,
    config_file: str | None = None,
    *,
    profile: Path | str | None = None,
    task: str | None = None,
    identity: str | None = None,
    state: Path | str | None = None,
) -> None:
    """Connect the hospital; again without effect while it is connected.

    Parameters
    ----------
    rank, config_file
        NVFlare's; only rank 0 may take part.
    profile, task, identity, state
        As of ``medquorum.hospital.connect``; else MEDQUORUM_PROFILE, MEDQUORUM_TASK and so on.

    Raises
    ------
    ConfigError
        No profile or task is named, or another rank calls.
    """
    global _client
    if _client is not None:
        return
    if rank is not None and int(rank) != 0:
        raise ConfigError(f"rank {rank} takes part", "Call init in rank 0 only, and share its model with the others")
    where, what = profile or os.environ.get("MEDQUORUM_PROFILE"), task or os.environ.get("MEDQUORUM_TASK")
    if not where or not what:
        raise ConfigError(
            "it is not said which task, or through which peer",
            "Set MEDQUORUM_PROFILE and MEDQUORUM_TASK, or call init(profile=..., task=...)",
        )
    own = state or os.environ.get("MEDQUORUM_STATE")
    user = identity or os.environ.get("MEDQUORUM_IDENTITY", "User1")
    _client = _Client(str(where), what, user, None if own is None else str(own))
    writers = sys.modules.get("nvflare.client.api")
    if writers is not None:  # SummaryWriter and its like, which the program imports from NVFlare, ask there
        vars(writers)["default_context"] = _WriterContext()


def is_running() -> bool:
    """Wait for the next round; return False when the task has ended."""
    return _connected().await_round()


def receive(timeout: float | None = None) -> FLModel:
    """Return the round's checked model; ``timeout`` has no effect, ``is_running`` has waited."""
    return _connected().received()


def send(model: FLModel, clear_cache: bool = True) -> Verdict | None:
    """Submit an update and wait for its verdict, which is returned; metrics alone go nowhere.

    Raises
    ------
    ModelError, RangeError
        It is no update of the model; nothing was sent, the round goes on.
    """
    return _connected().submit(model)


def system_info() -> dict[str, str]:
    """Return the hospital's and the task's name."""
    return {"site_name": get_site_name(), "job_id": get_job_id()}


def get_site_name() -> str:
    """Return the hospital's MSP id."""
    return _connected().site


def get_job_id() -> str:
    """Return the task's name."""
    return _connected().task.name


def is_train() -> bool:
    """Return whether a round's update is wanted: there is nothing else."""
    return _connected().base is not None


def is_evaluate() -> bool:
    """Return False: verifiers evaluate, on the ledger."""
    return False


def is_submit_model() -> bool:
    """Return False: models are on the ledger."""
    return False


def log(key: str, value: Any, data_type: Any = None, **more: Any) -> None:
    """Tell the standard library's logger ``medquorum``: a metric stays in the house."""
    logging.getLogger("medquorum").info("%s: %s", key, value)


def clear() -> None:
    """Do nothing: nothing is kept that could be cleared."""


def shutdown() -> None:
    """End the connection."""
    global _client
    if _client is not None:
        _client.close()
    _client = None


def _connected() -> _Client:
    if _client is None:
        raise ConfigError("the hospital is not connected", "Call init() first")
    return _client


def _added(base: dict[str, torch.Tensor], difference: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    unknown = difference.keys() - base.keys()
    if unknown:
        raise ModelError(f"tensors {', '.join(sorted(unknown))} are not the model's", "Send the received names")
    return {name: tensor + difference[name] if name in difference else tensor for name, tensor in base.items()}
