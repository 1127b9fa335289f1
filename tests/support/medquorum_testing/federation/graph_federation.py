# SPDX-License-Identifier: Apache-2.0
"""A federation over a small graph whose hospitals hand in updates drawn from their names: no training, no process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.inference import compile_model
from medquorum.core.model import Tensors
from medquorum.hospital import Verdict, connect
from medquorum_testing.encrypted.engine_models import Case, graph_case
from medquorum_testing.federation.federation import Federation
from medquorum_testing.network.networks import RunningNetwork

CASES = 40
SALT = bytes(range(32))
WAIT = 200


class GraphFederation(Federation):
    """Judged are the first model's own answers on drawn inputs: small changes keep most, the last hospital's none."""

    def __init__(
        self, running: RunningNetwork, folder: Path, name: str, document: dict[str, Any], **options: Any
    ) -> None:
        self._case = _balanced(graph_case(document, CASES))
        folder.mkdir(exist_ok=True)
        first = modelformat.pack(self._case.description, self._case.base)
        super().__init__(running, folder, name, model=(document, first), **options)

    @property
    def everyone(self) -> list[str]:
        """The organisations that have a process: no hospital."""
        return [*self.dealers, *self.verifiers]

    def _images(self) -> VerificationSet:
        case = self._case
        program = compile_model(case.description, case.base)
        output = case.description.output
        if output.kind == "classes":
            labels = program.predict(case.images)
        else:
            labels = (program.logits(case.images) >= 0).astype(np.int64)
            labels = labels if output.kind == "labels" else labels[:, 0]
        count = len(output.thresholds) if output.kind == "labels" else output.classes
        return VerificationSet(case.images, labels.astype(np.uint8), count, SALT)

    def play(self) -> tuple[dict[str, Verdict], str]:
        """Play a round; return each hospital's verdict and the hash of the next model."""
        self.opened()
        verdicts: dict[str, Verdict] = {}
        threads = [threading.Thread(target=self._take_part, args=(one, verdicts)) for one in self.hospitals]
        for thread in threads:
            thread.start()
        ended = self.finished()
        for thread in threads:
            thread.join(WAIT)
        assert ended.model is not None, ended
        return verdicts, ended.model

    def _take_part(self, hospital: str, verdicts: dict[str, Verdict]) -> None:
        with connect(self.running.profile(hospital), state=self.state(hospital)) as connection:
            base = next(connection.task(self.name).each_round(WAIT))
            random = np.random.default_rng(list(hospital.encode()))
            state = base.state_dict()
            for name, values in state.items():
                if name.endswith(("weight", "bias")):
                    noise = torch.from_numpy(random.normal(0, 0.01, tuple(values.shape))).to(values.dtype)
                    state[name] = -values if hospital == self.hospitals[-1] else values + noise
            verdicts[hospital] = connection.task(self.name).submit(state).wait(WAIT)


def _balanced(case: Case) -> Case:
    """Shift the last layer's bias so that each answer is given about as often as not."""
    last = f"{case.description.layers[-1].name}.bias"
    logits = compile_model(case.description, case.base).logits(case.images)
    base: Tensors = case.base | {last: case.base[last] - np.median(logits, axis=0).astype(np.int64)}
    return case._replace(base=base)
