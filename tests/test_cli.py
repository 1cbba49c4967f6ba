"""The command line: what it prints, its exit status, and one line for everything that is wrong."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl import commands
from symdl.cli import main

LOSS = "sum((sigmoid(X @ w) - y)**2)/2"
SHAPES = ["--shape", "X:n,p", "--shape", "w:p", "--shape", "y:n"]
GRADIENT = "X.T @ ((sigmoid(X@w)-y)*sigmoid(X@w)*(1-sigmoid(X@w)))"


@pytest.fixture
def run(capsys):
    def call(*argv):
        status = main([str(a) for a in argv])
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


@pytest.fixture
def table(tmp_path):
    """A small linear problem as files."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    np.savez(tmp_path / "data.npz", X=X, y=X @ [2.0, -1.0] + 0.5)
    lines = ["a,b,y"] + [f"{u!r},{v!r},{2 * u - v + 0.5!r}" for u, v in X.tolist()]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def one_line(err):
    return err.startswith("symdl: error: ") and err.count("\n") == 1 and "Traceback" not in err


# --- derive ---------------------------------------------------------------------------------------------------


def test_derive_prints_the_derivation(run):
    status, out, _ = run("derive", LOSS, "--wrt", "w", *SHAPES)
    assert status == 0
    assert "chain rule" in out and "derivative of the sigmoid" in out


@pytest.mark.parametrize(("form", "sign"), [("latex", r"\begin{align*}"), ("html", "<math")])
def test_derive_formats(run, form, sign):
    status, out, _ = run("derive", LOSS, "--wrt", "w", *SHAPES, "--format", form)
    assert status == 0 and sign in out


def test_derive_in_chinese(run):
    assert "链式法则" in run("derive", LOSS, "--wrt", "w", *SHAPES, "--lang", "zh")[1]


@pytest.mark.parametrize("name", ["out.html", "out.tex", "out.md", "out.txt", "out.py"])
def test_derive_writes_files(run, tmp_path, name):
    status, out, _ = run("derive", LOSS, "--wrt", "w", *SHAPES, "-o", tmp_path / name)
    assert status == 0 and out.strip() == str(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 100


def test_derive_python_runs_on_its_own(run, tmp_path):
    """The printed function needs NumPy alone and gives the loss and the gradient."""
    _, source, _ = run("derive", LOSS, "--wrt", "w", *SHAPES, "--format", "python")
    assert "symdl" not in [line.split()[1] for line in source.splitlines() if line.startswith(("import", "from"))]
    test = source + (
        "\nimport json\nX = np.array([[1.0, 2.0], [3.0, -1.0]]); w = np.array([0.5, -0.25]); y = np.array([1.0, 0.0])\n"
        "value, gradients = loss_and_gradients(X=X, w=w, y=y)\nprint(json.dumps([float(value), gradients['w'].tolist()]))\n"
    )
    path = tmp_path / "alone.py"
    path.write_text(test)
    found = subprocess.run([sys.executable, "-I", "-W", "error", str(path)], capture_output=True, text=True, check=True)
    value, slope = json.loads(found.stdout)
    X, w, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, -0.25]), np.array([1.0, 0.0])
    a = 1 / (1 + np.exp(-X @ w))
    assert value == pytest.approx(((a - y) ** 2).sum() / 2, rel=1e-12)
    assert slope == pytest.approx((X.T @ ((a - y) * a * (1 - a))).tolist(), rel=1e-12)


# --- check ----------------------------------------------------------------------------------------------------


def test_check_proves_refutes_and_shows_a_witness(run):
    assert run("check", LOSS, "--wrt", "w", "--claim", GRADIENT, *SHAPES)[:1] == (0,)
    status, out, _ = run("check", LOSS, "--wrt", "w", "--claim", GRADIENT.replace("1-sig", "1+sig"), *SHAPES)
    assert status == 1 and out.startswith("REFUTED") and " at " in out


# --- verify ---------------------------------------------------------------------------------------------------

GOOD = "import symdl as sd, sympy as sp\nz = sp.Symbol('z')\n\ndef page():\n    return sd.Page('p').claim('symmetry', sd.sigmoid(-z), {rhs})\n"


def test_verify_a_script_that_holds_and_one_that_does_not(run, tmp_path):
    (tmp_path / "good.py").write_text(GOOD.format(rhs="1 - sd.sigmoid(z)"))
    (tmp_path / "bad.py").write_text(GOOD.format(rhs="1 + sd.sigmoid(z)"))
    status, out, _ = run("verify", tmp_path / "good.py")
    assert status == 0 and "PROVED" in out
    status, out, _ = run("verify", tmp_path / "good.py", tmp_path / "bad.py")
    assert status == 1 and "REFUTED" in out and "FAILED: bad" in out


def test_verify_finds_the_scripts_that_come_with_symdl(run):
    status, out, _ = run("verify", "receipt")
    assert status == 0 and "PROVED" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x = 1", "no function page()"),
        ("def page(): return 3", "not a symdl Page"),
        ("1/0", "ZeroDivisionError"),
        ("def page(:", "SyntaxError"),
        ("exit(3)", "SystemExit"),
    ],
)
def test_verify_what_is_no_derivation(run, tmp_path, content, says):
    (tmp_path / "odd.py").write_text(content)
    status, _, err = run("verify", tmp_path / "odd.py")
    assert status == 64 and one_line(err) and says in err


# --- graph ----------------------------------------------------------------------------------------------------


def test_graph_prints_forward_and_backward(run, tmp_path):
    receipt = ["graph", "subtotal*tax", "--let", "subtotal=price*count", "--name", "total", "--at", "price=100", "--at", "count=2", "--at", "tax=1.1"]
    status, out, _ = run(*receipt, "-o", tmp_path / "receipt.svg")
    rows = {cells[0]: cells[1:] for cells in (line.split() for line in out.splitlines()) if len(cells) == 3}
    assert status == 0
    assert rows["total"] == ["220", "1"] and rows["subtotal"] == ["200", "1.1"]
    assert rows["price"] == ["100", "2.2"] and rows["count"] == ["2", "110"] and rows["tax"] == ["1.1", "200"]
    assert (tmp_path / "receipt.svg").read_text().lstrip().startswith("<")


# --- train ----------------------------------------------------------------------------------------------------

MODEL = ["sum((X @ w + b - y)**2)/2/N", "--param", "w:2=[0, 0]", "--param", "b=0", "--lr", "0.3", "--epochs", "200", "--quiet"]


@pytest.mark.parametrize("data", [["X=data.csv:a,b", "y=data.csv:y"], ["X=data.npz", "y=data.npz:y"]])
def test_train_from_files(run, table, monkeypatch, data):
    monkeypatch.chdir(table)
    status, out, _ = run("train", *MODEL, "--data", data[0], "--data", data[1], "-o", "fit.npz")
    found = np.load("fit.npz")
    assert status == 0 and "fit.npz" in out
    assert found["w"] == pytest.approx([2.0, -1.0], abs=1e-6) and found["b"] == pytest.approx(0.5, abs=1e-6)


def test_train_resumes_where_it_stopped(run, table, monkeypatch):
    monkeypatch.chdir(table)
    base = ["--data", "X=data.npz", "--data", "y=data.npz", "--batch", "8", "--seed", "3"]
    few = [str(20) if a == "200" else a for a in MODEL]
    assert run("train", *few, *base, "-o", "whole.npz")[0] == 0
    half = [str(10) if a == "200" else a for a in MODEL]
    assert run("train", *half, *base, "--checkpoint", "state.npz", "-o", "half.npz")[0] == 0
    assert run("train", *few, *base, "--checkpoint", "state.npz", "--resume", "-o", "both.npz")[0] == 0
    assert np.array_equal(np.load("whole.npz")["w"], np.load("both.npz")["w"])


# --- bad input ------------------------------------------------------------------------------------------------

BAD = {
    "no command": [],
    "unknown command": ["dervie", "x"],
    "no wrt": ["derive", LOSS],
    "unknown name": ["derive", LOSS, "--wrt", "q", *SHAPES],
    "unknown function": ["derive", "sum(sigmiod(w))", "--wrt", "w", "--shape", "w:p"],
    "shape clash": ["derive", "sum(X @ w)", "--wrt", "w", "--shape", "X:n,p", "--shape", "w:n"],
    "no scalar": ["derive", "X @ w", "--wrt", "w", *SHAPES],
    "bracket": ["derive", "sum(X @ w", "--wrt", "w", *SHAPES],
    "empty": ["derive", "", "--wrt", "w"],
    "code": ["derive", "__import__('os')", "--wrt", "w"],
    "attribute": ["derive", "x.__class__", "--wrt", "x"],
    "tower": ["derive", "9**9**9**9", "--wrt", "w"],
    "bad shape": ["derive", LOSS, "--wrt", "w", "--shape", "X:n,,p"],
    "negative size": ["derive", LOSS, "--wrt", "w", "--shape", "X:-1,p"],
    "shape twice": ["derive", LOSS, "--wrt", "w", "--shape", "w:p", "--shape", "w:q"],
    "no folder": ["derive", LOSS, "--wrt", "w", *SHAPES, "-o", "missing/folder/out.html"],
    "no folder for text": ["derive", LOSS, "--wrt", "w", *SHAPES, "-o", "missing/folder/out.txt"],
    "unknown ending": ["derive", LOSS, "--wrt", "w", *SHAPES, "-o", "out.docx"],
    "unknown format": ["derive", LOSS, "--wrt", "w", *SHAPES, "--format", "word"],
    "claim of another shape": ["check", LOSS, "--wrt", "w", "--claim", "X @ w", *SHAPES],
    "claim that does not parse": ["check", LOSS, "--wrt", "w", "--claim", "X @@ w", *SHAPES],
    "no script": ["verify", "nothing_here"],
    "no file": ["verify", "nothing/here.py"],
    "missing value": ["graph", "a*b", "--at", "a=1"],
    "unknown value": ["graph", "a*b", "--at", "a=1", "--at", "b=2", "--at", "c=3"],
    "value is text": ["graph", "a*b", "--at", "a=one", "--at", "b=2"],
    "value is nan": ["graph", "a*b", "--at", "a=NaN", "--at", "b=2"],
    "value is infinite": ["graph", "a*b", "--at", "a=1e999", "--at", "b=2"],
    "division by zero": ["graph", "a/b", "--at", "a=1", "--at", "b=0"],
    "no equals": ["graph", "a*b", "--at", "a"],
    "nothing to do": ["graph", "a*b"],
    "drawing as text": ["graph", "a*b", "-o", "drawing.doc"],
}


@pytest.mark.parametrize("argv", BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line(run, argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(*argv)
    assert status == 64
    assert one_line(err), err
    assert not list(tmp_path.iterdir())


FILES = {
    "nan.csv": "a,b,y\n1,2,3\n4,nan,6\n",
    "inf.csv": "a,b,y\n1,2,3\n4,inf,6\n",
    "empty.csv": "",
    "header.csv": "a,b,y\n",
    "text.csv": "a,b,y\n1,2,3\n1,cat,3\n",
    "gap.csv": "a,b,y\n1,2,3\n1,,3\n",
    "ragged.csv": "a,b,y\n1,2,3\n1,2\n",
    "binary.npz": "this is no archive",
    "binary.npy": "this is no array",
}
BAD_DATA = {
    **{name: ["--data", f"X={name}" + (":a,b" if "csv" in name else ""), "--data", "y=data.npz"] for name in FILES},
    "missing file": ["--data", "X=nowhere.csv", "--data", "y=data.npz"],
    "missing column": ["--data", "X=data.csv:a,q", "--data", "y=data.npz"],
    "missing key": ["--data", "X=data.npz:q", "--data", "y=data.npz"],
    "missing data": ["--data", "X=data.npz"],
    "other length": ["--data", "X=data.npz", "--data", "y=[1, 2]"],
    "too many axes": ["--data", "X=data.npz", "--data", "y=data.csv"],
    "rate zero": ["--data", "X=data.npz", "--data", "y=data.npz", "--lr", "0"],
    "rate nan": ["--data", "X=data.npz", "--data", "y=data.npz", "--lr", "nan"],
    "epochs negative": ["--data", "X=data.npz", "--data", "y=data.npz", "--epochs", "-1"],
    "batch zero": ["--data", "X=data.npz", "--data", "y=data.npz", "--batch", "0"],
    "seed negative": ["--data", "X=data.npz", "--data", "y=data.npz", "--seed", "-1", "--batch", "4"],
    "unknown method": ["--data", "X=data.npz", "--data", "y=data.npz", "--method", "magic"],
    "unknown backend": ["--data", "X=data.npz", "--data", "y=data.npz", "--backend", "magic"],
    "diverges": ["--data", "X=data.npz", "--data", "y=data.npz", "--lr", "1e200"],
    "resume without": ["--data", "X=data.npz", "--data", "y=data.npz", "--resume"],
    "damaged checkpoint": ["--data", "X=data.npz", "--data", "y=data.npz", "--resume", "--checkpoint", "binary.npz"],
    "no folder": ["--data", "X=data.npz", "--data", "y=data.npz", "-o", "missing/out.npz"],
}


@pytest.mark.parametrize("argv", BAD_DATA.values(), ids=BAD_DATA.keys())
def test_bad_data_is_one_line(run, argv, table, monkeypatch):
    monkeypatch.chdir(table)
    for name, content in FILES.items():
        (table / name).write_text(content)
    status, _, err = run("train", *MODEL, *argv)
    assert status == 64, err
    assert one_line(err), err
    assert not (table / "params.npz").exists()


# --- ways to end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (RuntimeError("a fault\nof two lines"), 70), (MemoryError(), 70)])
def test_other_ends(run, monkeypatch, error, status):
    def fail(args):
        raise error

    monkeypatch.setattr(commands, "derive", fail)
    monkeypatch.delenv("SYMDL_DEBUG", raising=False)
    found, _, err = run("derive", "x", "--wrt", "x")
    assert found == status and err.count("\n") == 1 and "Traceback" not in err
    if status == 70:
        assert "Traceback" in run("derive", "x", "--wrt", "x", "--debug")[2]


def test_help_and_version(run):
    for argv in (["--help"], ["derive", "--help"], ["--version"]):
        status, out, _ = run(*argv)
        assert status == 0 and "symdl" in out


def test_closed_pipe_is_quiet():
    command = [sys.executable, "-m", "symdl", "derive", LOSS, "--wrt", "w", *SHAPES, "--format", "latex"]
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert found.stderr == "" and found.returncode == 141


def test_a_claim_with_a_name_that_the_loss_has_not_is_bad_input(capsys) -> None:
    assert main(["check", "x**2", "--wrt", "x", "--claim", "2*z"]) == 64
    assert "z" in capsys.readouterr().err
    with pytest.raises(sd.NameError_, match="mentions z"):
        sd.check(sd.parse("x**2"), "x", "2*z")
