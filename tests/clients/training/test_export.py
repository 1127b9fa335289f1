# SPDX-License-Identifier: Apache-2.0
"""Exported files: other programs get the ledger's model."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file

from medquorum.clients.training.formats import agreement
from medquorum.clients.training.formats.export import export
from medquorum.clients.training.formats.model_file import read_model
from medquorum.clients.training.initial import drawn_model
from medquorum.core import model as modelformat
from medquorum.core.inference import compile_model
from medquorum.core.model import catalogue
from medquorum.errors import ConfigError, ModelError
from medquorum_testing.inference.tiny_graphs import GRAPHS

pytestmark = pytest.mark.slow

ABOUT = {"task": "lungs", "round": "3", "model": "ab" * 32, "layout": "cd" * 32}
RESNET = modelformat.parse(catalogue.resnet18((1, 28, 28), 4))
LENET = modelformat.parse(catalogue.lenet((1, 28, 28), 10, catalogue.pixel_table(0.5, 0.5)))


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)


def integers(description: modelformat.ModelDescription, packed: bytes, images: Any) -> Any:
    return compile_model(description, modelformat.unpack(description, packed)).logits(images) / 65536


def test_safetensors_has_torch_s_names_and_comes_back(tmp_path: Path, images: Any) -> None:
    packed = drawn_model(RESNET, 0)
    export(tmp_path / "model.safetensors", RESNET, packed, ABOUT, images)
    theirs = torchvision.models.resnet18(num_classes=4)
    tensors = load_file(tmp_path / "model.safetensors")
    theirs.load_state_dict(tensors, strict=False)
    assert {name for name in theirs.state_dict() if not name.endswith("num_batches_tracked")} == set(tensors)
    with safe_open(tmp_path / "model.safetensors", framework="np") as file:
        about = file.metadata()
    assert about.items() >= ABOUT.items()
    assert json.loads(about["input"]) == [3, 28, 28]
    differing = np.frombuffer(read_model(RESNET, tmp_path / "model.safetensors"), "<i4") - np.frombuffer(packed, "<i4")
    assert np.abs(differing).max() <= 2


@pytest.mark.parametrize("description", [LENET, RESNET], ids=["lenet", "resnet18"])
def test_onnx_gives_the_ledger_s_logits(tmp_path: Path, images: Any, description: modelformat.ModelDescription) -> None:
    packed = drawn_model(description, 0)
    told = export(tmp_path / "model.onnx", description, packed, ABOUT, images)
    assert told < 0.003
    table = np.array(description.pixels, np.float32) / 65536
    numbers = np.repeat(table[images][:, None], description.input[0], axis=1)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"numbers": numbers})
    np.testing.assert_allclose(logits, integers(description, packed, images), atol=0.003)
    props = {prop.key: prop.value for prop in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert props.items() >= ABOUT.items()


def test_pt2_is_a_program_of_any_batch(tmp_path: Path, images: Any) -> None:
    packed = drawn_model(LENET, 0)
    export(tmp_path / "model.pt2", LENET, packed, ABOUT, images)
    files = {"medquorum.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=files).module()
    table = torch.tensor(LENET.pixels, dtype=torch.float32) / 65536
    numbers = table[torch.from_numpy(images).int()][:, None]
    with torch.no_grad():
        np.testing.assert_allclose(program(numbers), integers(LENET, packed, images), atol=0.003)
        assert program(numbers[:1]).shape == (1, 10)
    assert json.loads(files["medquorum.json"]).items() >= ABOUT.items()


def test_a_file_that_differs_is_not_left(tmp_path: Path, images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "EXACT", 1e-9)
    with pytest.raises(ModelError, match="float and integer logits differ"):
        export(tmp_path / "model.onnx", LENET, drawn_model(LENET, 0), ABOUT, images)
    assert list(tmp_path.iterdir()) == []


def test_another_suffix_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.safetensors, \.pt2, \.onnx"):
        export(tmp_path / "model.pkl", LENET, drawn_model(LENET, 0), ABOUT)


def test_several_threads_may_export(tmp_path: Path) -> None:
    packed = drawn_model(LENET, 0)
    with ThreadPoolExecutor() as threads:
        places = [tmp_path / f"model{number}{suffix}" for number, suffix in enumerate((".onnx", ".pt2", ".onnx"))]
        assert all(threads.map(lambda place: export(place, LENET, packed, ABOUT) < 0.01, places))


@pytest.mark.parametrize("name", sorted(GRAPHS))
@pytest.mark.parametrize("suffix", [".safetensors", ".pt2", ".onnx"])
def test_graphs_are_exported_and_held_to_their_integers(tmp_path: Path, name: str, suffix: str) -> None:
    description = modelformat.parse(GRAPHS[name])
    path = tmp_path / f"model{suffix}"
    assert export(path, description, drawn_model(description, 0), ABOUT, None) < agreement.ROUGH
    if suffix == ".safetensors":
        with safe_open(path, framework="np") as file:
            about = file.metadata()
        assert json.loads(about["input"]) == list(description.shape)
        is_table = GRAPHS[name]["input"]["kind"] == "table"
        assert ("numbers" in about, "pixels" in about) == (not is_table, is_table)
        assert ("output" in about) == (GRAPHS[name]["output"]["kind"] != "classes")
