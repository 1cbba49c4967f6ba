"""``symdl train``: settings of the methods, the plan, and what is said where a name was mistyped."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.cli import main

XS = np.random.default_rng(0).normal(size=(40, 3))
DATA = {"X": XS, "y": XS @ [1.0, -2.0, 0.5]}
LOSS = "sum((X @ w - y)**2)/N"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("d.npz", **DATA)

    def go(*argv: str, loss: str = LOSS, param: str = "w:3=[0, 0, 0]") -> tuple[int, str, str]:
        status = main(["train", loss, "--data=X=d.npz", "--data=y=d.npz", "--param", param, "--lr=0.05", "--epochs=40", "--quiet", *argv])
        said = capsys.readouterr()
        return status, said.out, said.err

    return go


def test_settings_of_a_method_are_taken(run):
    n, p = sd.dims("N p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    assert run("--method=momentum", "--set=mu=0.5")[0] == 0
    wanted = sd.train(sd.sum((X @ w - y) ** 2) / n, {"w": np.zeros(3)}, DATA, lr=0.05, epochs=40, method="momentum", mu=0.5).params["w"]
    assert np.load("params.npz")["w"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--set=mu=0.5"], "the method gd does not take mu"),
        (["--method=adam", "--set=mu=0.5"], "the method adam does not take mu; it takes beta1, beta2, eps"),
        (["--method=momentum", "--set=mu=2"], "mu is 2.0; it must be at least 0 and below 1"),
        (["--method=momentum", "--set=mu=x"], "--set mu='x': it must be a number"),
        (["--method=momentum", "--set=mu"], "write NAME=VALUE"),
        (["--method=momentum", "--set=mu=0.1", "--set=mu=0.2"], "mu is given twice"),
        (["--set=lr=0.5"], "--set lr: not a setting of a method; there are mu, beta1, beta2, eps"),
    ],
)
def test_wrong_settings_are_one_line(run, argv, words):
    status, _, said = run(*argv)
    assert status == 64 and words in said and said.count("\n") == 1


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_plan_is_printed_where_it_is_asked_for(run, backend):
    assert "hoisting" not in run(f"--backend={backend}")[1]
    status, said, _ = run(f"--backend={backend}", "--plan")
    assert status == 0 and "hoisting: " in said and "operations" in said and "measured" in said


def test_names_without_a_shape_are_named(run):
    status, _, said = run(param="v:3=[0, 0, 0]")
    assert status == 64 and "(no shape was given for w)" in said and said.count("\n") == 1
    status, _, said = run(loss="sum((X @ w - y)**2, axis=0)/N + 1e-3*sum(X @ X)")
    assert status == 64 and "no shape was given" not in said


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
def test_the_variable_for_tracebacks(run, monkeypatch, value, shown):
    monkeypatch.setenv("SYMDL_DEBUG", value)
    assert ("Traceback" in run(loss="sum(")[2]) is shown


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_says_how_to_go_on(run, monkeypatch, kept):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sd, "train", stop)
    status, _, said = run(*(["--checkpoint=state.npz"] if kept else []))
    assert status == 130 and said.endswith("symdl: interrupted\n")
    assert ("stands in state.npz; the same command with --resume goes on" in said) is kept
