# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medquorum import gateway
from medquorum.clients import cli
from medquorum.clients.admin.options import image_shape, mixing_weight, rule_document
from medquorum.errors import ConfigError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["medquorum", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_data_is_split_and_its_verification_set_committed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    split = ["data", "split", "--data", "digits", "--out", str(tmp_path), "--hospitals", "3", "--limit", "90", "--json"]
    assert run(monkeypatch, *split) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["image"] == [1, 8, 8]
    assert summary["classes"] == 10
    assert [summary["images"][f"hospital{number}"] for number in (1, 2, 3)] == [30, 30, 30]
    mounted = [tmp_path / "a" / "set.safetensors", tmp_path / "b" / "set.safetensors"]
    commit = ["admin", "commit-dataset", str(tmp_path / "verification.npz"), "--classes", "10", "--json"]
    assert run(monkeypatch, *commit, *(text for path in mounted for text in ("--out", str(path)))) == 0
    committed = json.loads(capsys.readouterr().out)
    assert mounted[0].read_bytes() == mounted[1].read_bytes()
    assert run(monkeypatch, "admin", "commit-dataset", str(mounted[0]), "--json") == 0
    assert json.loads(capsys.readouterr().out) == committed
    assert committed["image"] == [1, 8, 8]
    assert sum(committed["images_of_class"]) == committed["images"]


def test_a_set_is_committed_with_its_classes_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "set.npz"
    np.savez(file, images=np.full((5, 4, 4, 3), 90, np.uint8), labels=np.array([0, 0, 2, 2, 2]))
    commit = ["admin", "commit-dataset", str(file), "--out", str(tmp_path / "set.safetensors")]
    assert run(monkeypatch, *commit) == 10
    assert "--classes" in capsys.readouterr().err
    assert run(monkeypatch, *commit, "--classes", "4") == 0
    said = capsys.readouterr()
    assert "images_of_class: [2, 0, 3, 0]" in said.out
    assert "warning: no image of class 1, 3" in said.err
    assert "warning: 3 channels, the last axis, are taken for red, green and blue" in said.err


def test_errors_are_one_line_with_the_exit_code_of_their_class(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hospital = ["hospital", "run", "--profile", str(tmp_path / "none.json"), "--task", "t"]
    assert run(monkeypatch, *hospital, "--data", str(tmp_path / "none.npz"), "--json") == 11
    said = capsys.readouterr()
    assert json.loads(said.out)["error"] == "DataError"
    assert "does not exist" in said.err
    assert "Traceback" not in said.err
    status = ["hospital", "status", "--profile", str(tmp_path / "none.json"), "--task", "t"]
    assert run(monkeypatch, *status) == 10
    assert "none.json" in capsys.readouterr().err


def _gateway_errors() -> list[type[gateway.FabricError]]:
    kinds = gateway.FabricError.__subclasses__()
    return [*kinds, *(below for kind in kinds for below in kind.__subclasses__())]


@pytest.mark.parametrize("kind", _gateway_errors())
def test_an_error_of_the_gateway_is_one_line_with_an_exit_code_of_its_own(
    kind: type[gateway.FabricError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> None:
        raise gateway.CommitError("gone", "Look", code="X") if kind is gateway.CommitError else kind("gone", "Look")

    monkeypatch.setattr(cli, "app", away)
    code = run(monkeypatch, "--json")
    said = capsys.readouterr()
    assert said.err == "error: gone. Look\n"
    assert json.loads(said.out).items() >= {"event": "error", "error": kind.__name__, "exit_code": code}.items()
    assert code == cli.GATEWAY_EXIT_CODES[kind]
    assert len({*cli.GATEWAY_EXIT_CODES.values()}) == len(cli.GATEWAY_EXIT_CODES)


@pytest.mark.parametrize(
    "arguments",
    [
        ["adversary", "run", "--attack", "nosuch"],
        ["adversary", "run", "--attack", "nan", "--active", "1,x"],
        ["adversary", "run", "--attack", "copy"],
        ["adversary", "run", "--attack", "label-flip", "--source", "0", "--target", "0"],
    ],
)
def test_wrong_attack_options_are_configuration_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    common = ["--profile", "p.json", "--task", "t", "--data", str(tmp_path / "x.npz")]
    assert run(monkeypatch, *arguments, *common) == 10


def test_the_salt_of_a_set_is_not_thrown_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "data", "split", "--data", "digits", "--out", str(tmp_path), "--hospitals", "1")
    assert run(monkeypatch, "admin", "commit-dataset", str(tmp_path / "verification.npz"), "--classes", "10") == 10


def test_the_module_runs_and_torch_is_not_imported_for_help() -> None:
    program = "import sys, runpy; sys.argv = ['medquorum', '--version']\n" + (
        "try: runpy.run_module('medquorum.clients', run_name='__main__')\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split()[0] == "medquorum"
    assert said.stdout.split()[-1] == "False"


def test_lambda_is_a_fraction_of_a_power_of_two() -> None:
    assert mixing_weight("1/2") == (1, 1)
    assert mixing_weight("0.375") == (3, 3)
    assert mixing_weight("0") == (0, 0)
    assert mixing_weight("1") == (1, 0)
    for text in ("1/3", "1.5", "-0.5", "x", "1/0", "1/512"):
        with pytest.raises(ConfigError):
            mixing_weight(text)


def test_image_shapes_and_rules() -> None:
    assert image_shape("3x28x28") == (3, 28, 28)
    assert rule_document("strict") == {"name": "strict"}
    assert rule_document('{"name":"slack","slack":5}') == {"name": "slack", "slack": 5}
    for shape in ("28x28", "axbxc"):
        with pytest.raises(ConfigError):
            image_shape(shape)
    for rule in ("nosuch", "slack", "{", '{"name":"slack","slack":-1}'):
        with pytest.raises(ConfigError):
            rule_document(rule)
