# SPDX-License-Identifier: Apache-2.0
"""A model as a file for other programs: safetensors, torch.export's pt2, or ONNX, by the file's suffix.

Float inference may differ from the ledger's integers by 0.003 (docs/reference/evaluation.md); every file is compared
with them before it is left.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from medquorum.clients.training import parameters
from medquorum.clients.training.formats.agreement import Images, check_agreement
from medquorum.clients.training.formats.model_file import EPS
from medquorum.clients.training.formats.state import state_of
from medquorum.clients.training.formats.tracing import TRACING
from medquorum.clients.training.module import DescribedModel
from medquorum.core.model import ModelDescription
from medquorum.errors import ConfigError

__all__ = ["export"]

Logits = Callable[[torch.Tensor], npt.NDArray[np.floating]]


def export(
    path: Path, description: ModelDescription, packed: bytes, about: Mapping[str, str], images: Images | None = None
) -> float:
    """Write a packed model; return by how much its logits differ from the ledger's integers.

    Parameters
    ----------
    about
        Written beside the model: task, round, model hash. The input's shape and its table or scales are added.
    images
        Real images to compare on, uint8; noise where there are none.

    Raises
    ------
    ConfigError
        The suffix is none of .safetensors, .pt2 and .onnx; ONNX needs the extra ``onnx``.
    ModelError
        The file's logits differ from the ledger's by more than docs/reference/evaluation.md allows: it is not left.
    """
    if path.suffix not in _WRITERS:
        raise ConfigError(f"{path} names no format", f"End the name with {', '.join(_WRITERS)}")
    source = description.source.model_dump(mode="json")
    told = {**about, "input": json.dumps(source.pop("shape"))}
    told |= {"pixels": json.dumps(source["pixels"])} if "pixels" in source else {"numbers": json.dumps(source)}
    if description.output.kind != "classes":
        told["output"] = json.dumps(description.output.model_dump(mode="json"))
    module = DescribedModel(description)
    parameters.load(module, packed)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.stem}.new{path.suffix}")
    try:
        with TRACING:
            logits = _WRITERS[path.suffix](new, module.eval(), packed, told)
        difference = check_agreement(description, packed, logits, images)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    return difference


def _safetensors(path: Path, module: DescribedModel, packed: bytes, about: dict[str, str]) -> Logits:
    save_file(state_of(module.description, packed), path, metadata=about | {"eps": repr(EPS)})
    return _logits_of(module)


def _pt2(path: Path, module: DescribedModel, packed: bytes, about: dict[str, str]) -> Logits:
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(module, (_example(module),), dynamic_shapes=(batch,))
    torch.export.save(program, path, extra_files={"medquorum.json": json.dumps(about)})
    return _logits_of(torch.export.load(path).module())


def _onnx(path: Path, module: DescribedModel, packed: bytes, about: dict[str, str]) -> Logits:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 torch's exporter needs it
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"ONNX needs {error.name}, which is not installed", "pip install 'medquorum[onnx]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (_example(module),),
            path,
            input_names=["numbers"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    written = onnx.load(path)
    onnx.helper.set_model_props(written, about)
    onnx.save(written, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda numbers: np.asarray(session.run(None, {"numbers": numbers.float().numpy()})[0])


def _logits_of(module: torch.nn.Module) -> Logits:
    def logits(numbers: torch.Tensor) -> npt.NDArray[np.floating]:
        with torch.no_grad():
            return np.asarray(module(numbers.float()).numpy())

    return logits


def _example(module: DescribedModel) -> torch.Tensor:
    """Return two inputs: of one, torch takes the batch's size for fixed."""
    return torch.zeros(2, *module.description.shape)


_WRITERS: dict[str, Callable[[Path, DescribedModel, bytes, dict[str, str]], Logits]] = {
    ".safetensors": _safetensors,
    ".pt2": _pt2,
    ".onnx": _onnx,
}
