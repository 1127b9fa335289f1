# SPDX-License-Identifier: Apache-2.0
"""Descriptions, layouts, packed bytes and hashes."""

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core import model as modelformat
from medquorum.core.model import CHUNK_BYTES, Kind, catalogue, check_range, check_tensors, layout, pack, parse, unpack
from medquorum.errors import ModelError, RangeError
from medquorum_testing.inference.tiny_models import TINY, random_tensors
from medquorum_testing.vectors import load_vector


def test_vector():
    vector = load_vector("model_format")
    description = parse(vector["description"])
    tensors = {name: np.array(values) for name, values in vector["tensors"].items()}
    assert [[s.name, list(s.shape), s.kind.value] for s in layout(description)] == vector["layout"]
    assert modelformat.layout_hash(description) == vector["layout_hash"]
    packed = pack(description, tensors)
    assert packed.hex() == vector["packed"]
    assert modelformat.chunk_hashes(packed) == vector["chunks"]
    assert modelformat.model_hash(vector["layout_hash"], vector["chunks"]) == vector["model_hash"]
    for bad in vector["bad_packed"]:
        with pytest.raises(ModelError, match="bytes instead of"):
            unpack(description, bytes.fromhex(bad))


@pytest.mark.parametrize(
    "case",
    [*load_vector("bad_descriptions"), *load_vector("bad_graphs")],
    ids=lambda case: case["cause"].replace(" ", "-"),
)
def test_bad_description_is_refused_with_its_cause_and_a_remedy(case):
    with pytest.raises(ModelError) as refused:
        parse(case["description"])
    assert case["cause"] in refused.value.cause
    assert refused.value.remedy


def test_deep_nesting_is_refused():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ModelError):
        parse({"name": deep})


@given(name=st.sampled_from(sorted(TINY)), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_pack_and_unpack(name, seed):
    description = parse(TINY[name])
    tensors = random_tensors(description, np.random.default_rng(seed), extreme=True)
    again = unpack(description, pack(description, tensors))
    assert list(again) == [spec.name for spec in layout(description)]
    for key, values in tensors.items():
        np.testing.assert_array_equal(again[key], values)


def test_chunks():
    description = parse(catalogue.describe("resnet18", (1, 28, 28), 4))
    size = 4 * modelformat.parameters(description)
    lengths = modelformat.chunk_lengths(description)
    assert sum(lengths) == size
    assert [len(chunk) for chunk in modelformat.split(bytes(size))] == lengths
    assert lengths[:-1] == [CHUNK_BYTES] * (len(lengths) - 1)
    with pytest.raises(ModelError, match="not a SHA-256"):
        modelformat.model_hash("00" * 32, ["00"])
    with pytest.raises(ModelError, match="not a hash"):
        modelformat.model_hash("zz", ["00" * 32])
    with pytest.raises(ModelError, match="without chunks"):
        modelformat.model_hash("00" * 32, [])


def test_resnet18_has_torchvisions_tensors():
    description = parse(catalogue.describe("resnet18", (1, 28, 28), 10))
    expected = [
        (name.replace("running_mean", "mean").replace("running_var", "scale"), tuple(values.shape))
        for name, values in torchvision.models.resnet18(num_classes=10).state_dict().items()
        if not name.endswith("num_batches_tracked")
    ]
    assert [(spec.name, spec.shape) for spec in layout(description)] == expected


@pytest.mark.parametrize(("size", "features"), [(28, 400), (8, 64), (20, 144), (12, 144)])
def test_lenet_fits_its_images(size, features):
    description = parse(catalogue.describe("lenet", (1, size, size), 10))
    shapes = {spec.name: spec.shape for spec in layout(description)}
    assert shapes["fc1.weight"] == (120, features)


def test_mlp_is_the_papers():
    shapes = [spec.shape for spec in layout(parse(catalogue.describe("mlp", (1, 28, 28), 10)))]
    assert shapes == [(128, 784), (128,), (10, 128), (10,)]


def test_unknown_and_misfit_models_are_refused():
    with pytest.raises(ModelError, match="no model named vgg"):
        catalogue.describe("vgg", (1, 28, 28), 10)
    with pytest.raises(ModelError):
        catalogue.describe("lenet", (1, 3, 3), 10)


def test_pixel_table_is_the_float_normalisation():
    table = np.array(catalogue.pixel_table(0.1307, 0.3081))
    expected = (torch.arange(256, dtype=torch.float64) / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(table / 65536, expected.numpy(), atol=2**-17)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda t: t.pop("a.bias"), "a.bias is missing"),
        (lambda t: t.update(z=np.zeros(1, np.int64)), "z is unknown"),
        (lambda t: t.update({"a.bias": np.zeros(5, np.int64)}), "has shape"),
        (lambda t: t.update({"a.bias": np.zeros(4)}), "holds float64"),
        (lambda t: t.update({"a.bias": np.zeros(4, np.uint64)}), "holds uint64"),
    ],
)
def test_wrong_tensors_are_refused(change, cause):
    description = parse(TINY["dense"])
    tensors = random_tensors(description, np.random.default_rng(0))
    change(tensors)
    with pytest.raises(ModelError, match=cause):
        check_tensors(description, tensors)
    with pytest.raises(ModelError, match=cause):
        pack(description, tensors)


def test_pack_refuses_what_32_bits_cannot_hold():
    description = parse(TINY["dense"])
    tensors = random_tensors(description, np.random.default_rng(0))
    tensors["a.bias"][2] = 1 << 31
    with pytest.raises(RangeError, match="beyond 32 bits"):
        pack(description, tensors)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("a.weight", 1 - (8 << 16), (8 << 16) - 1),
        ("b.bias", 1 - (8 << 16), (8 << 16) - 1),
        ("n.weight", 1 - (8 << 16), (8 << 16) - 1),
        ("n.bias", 1 - (8 << 16), (8 << 16) - 1),
        ("n.mean", 1 - (1024 << 16), (1024 << 16) - 1),
        ("n.scale", 1, 320 << 16),
    ],
)
def test_range(name, lowest, highest):
    description = parse(TINY["dense"])
    tensors = random_tensors(description, np.random.default_rng(0))
    for value in (lowest, highest):
        tensors[name].flat[-1] = value
        check_range(description, tensors)
    for value in (lowest - 1, highest + 1):
        tensors[name].flat[-1] = value
        with pytest.raises(RangeError, match=name):
            check_range(description, tensors)


def test_batch_normalisation_statistics_are_not_mixed():
    assert {kind for kind in Kind if not kind.mixed} == {Kind.MEAN, Kind.SCALE}
