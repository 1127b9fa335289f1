# SPDX-License-Identifier: Apache-2.0
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from medquorum.errors import ConfigError
from medquorum.verifier.arithmetic.kernels import compile as compiling
from medquorum.verifier.arithmetic.kernels import library as loading
from medquorum.verifier.arithmetic.kernels.compile import LEVELS
from medquorum.verifier.arithmetic.kernels.library import (
    PURE,
    VARIABLE,
    Library,
    library,
    path_in_use,
    usable_levels,
)


@pytest.fixture
def anew():
    """Choose anew, before and after the test."""
    caches = loading._chosen, loading._loaded, loading._processor_flags
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels are for x86-64")
def test_an_installed_environment_has_compiled_kernels():
    assert all(compiling.library_file(level).exists() for level in LEVELS)
    for level in usable_levels():
        Library(level)  # compiled from the sources that lie here


@pytest.mark.usefixtures("anew")
def test_a_missing_library_is_said_once_and_does_no_harm(monkeypatch, tmp_path):
    monkeypatch.setattr(compiling, "FOLDER", tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    with capture_logs() as said:
        assert library() is None
        assert library() is None
    assert [line["log_level"] for line in said] == ["warning"]
    assert path_in_use() == PURE


@pytest.mark.usefixtures("anew")
@pytest.mark.skipif(not usable_levels(), reason="no kernels here")
@pytest.mark.parametrize("damage", ["garbage", "other sources"])
def test_a_broken_or_stale_library_is_not_used(monkeypatch, tmp_path, damage):
    folder = tmp_path / "kernels"
    shutil.copytree(Path(compiling.__file__).parent, folder)
    monkeypatch.setattr(compiling, "FOLDER", folder)
    monkeypatch.delenv(VARIABLE, raising=False)
    if damage == "garbage":
        for path in folder.glob("*.so"):
            path.write_bytes(b"no library")
    else:
        with (folder / "source.c").open("a") as file:
            file.write("/* changed */\n")
    with capture_logs() as said:
        assert library() is None
    assert len(said) == 1


@pytest.mark.usefixtures("anew")
def test_a_processor_without_the_instructions_gets_the_pure_path(monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nflags : fpu sse2\n")
    monkeypatch.setattr(loading, "_CPUINFO", info)
    monkeypatch.delenv(VARIABLE, raising=False)
    with capture_logs() as said:
        assert library() is None
    assert "avx2" in said[0]["reason"]


def test_the_variable_chooses_the_pure_path_silently(monkeypatch):
    monkeypatch.setenv(VARIABLE, PURE)
    with capture_logs() as said:
        assert library() is None
    assert said == []


def test_an_unknown_path_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(ConfigError, match="MEDQUORUM_KERNELS"):
        library()


@pytest.mark.skipif(not usable_levels(), reason="no kernels here")
def test_a_kernel_refuses_arrays_with_gaps():
    found = Library(usable_levels()[0])
    with pytest.raises(ValueError, match="contiguous"):
        found.call("medquorum_source", np.zeros((4, 4), dtype=np.int64)[:, ::2])
