"""The tour, in a short form: one derivation, a few epochs."""

import re

import numpy as np
import pytest

import symdl as sd
from symdl import pipeline, scripts, tour
from symdl.cli import main
from symdl.tour import drawing

pytest.importorskip("sklearn")
pytest.importorskip("latex2mathml")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("tour") / "report.html"
    said = []
    status = tour.run(path, names=["receipt"], say=said.append, progress=False)
    return status, path.read_text("utf-8"), said


def test_tour_holds_and_says_where_the_report_is(report):
    status, _, said = report
    assert status == 0, said
    assert said[-1].startswith("The report is ") and said[-1].endswith("report.html")
    assert any("digits" in line and "PROVED" in line for line in said)


def test_report_stands_alone_and_shows_everything(report):
    _, html, _ = report
    assert html.startswith("<!DOCTYPE html>")
    assert not re.search(r"<script|<link|src=\"http|url\(http", html)
    assert html.count("<svg") >= 3  # the receipt's graph, the loss curve, the digits
    assert "<math" in html and "handwritten" in html.lower()


def test_digits_network_reads_the_held_out_fifth():
    from symdl.tour import digits

    page = digits.page(progress=False)
    fact = next(b for b in page.blocks if getattr(b, "what", "").startswith("at least 95"))
    assert fact.got is True


def test_digits_data_are_split_without_overlap():
    from symdl.tour import digits

    data = digits.load()
    assert len(data.held_labels) == 359 and len(data.labels) + len(data.held_labels) == 1797
    assert data.x.min() >= 0 and data.x.max() <= 1
    assert np.array_equal(data.t.argmax(axis=1), data.labels)


def test_a_derivation_that_fails_makes_the_tour_fail(tmp_path, monkeypatch):
    (tmp_path / "wrong.py").write_text("import symdl as sd\ndef page():\n    return sd.Page('wrong').fact('one is two', 1.0, 2.0)\n")
    (tmp_path / "broken.py").write_text("import symdl as sd\ndef page():\n    raise sd.DataError('nothing there')\n")
    said = []
    status = tour.run(tmp_path, names=[str(tmp_path / "wrong.py"), str(tmp_path / "broken.py")], epochs=1, say=said.append, progress=False)
    assert status == 1
    assert any("one is two" in line and "FAILED" in line for line in said)
    assert any("nothing there" in line for line in said)
    assert (tmp_path / tour.REPORT).is_file()


def test_report_that_cannot_be_written_is_said_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(scripts, "find", lambda names: pytest.fail("the work began"))
    (tmp_path / "file").write_text("")
    assert main(["tour", "-o", str(tmp_path / "file" / "report.html")]) == 64
    assert "cannot be written" in capsys.readouterr().err


def test_missing_extra_is_said_before_the_work(monkeypatch, tmp_path, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    assert main(["tour", "-o", str(tmp_path)]) == 64
    assert "pip install" in capsys.readouterr().err


def test_scripts_are_found_by_name_and_path():
    every = scripts.find()
    assert {"sigmoid", "receipt", "network"} <= {p.stem for p in every}
    assert scripts.find(["sigmoid"]) == [p for p in every if p.stem == "sigmoid"]
    with pytest.raises(sd.DataError, match=r"there are .*sigmoid"):
        scripts.find(["sigmiod"])


def test_every_script_has_a_page_with_a_title_in_both_languages():
    for path in scripts.find():
        page = scripts.load_page(path)
        assert page.title and page.title_zh, path.name


def test_curve_is_drawn_to_scale():
    svg = drawing.curve({"loss": [1.0, 0.1, 0.01]}, "epoch", "loss")
    points = [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]+)"', svg).group(1).split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and y1 - y0 == pytest.approx(y2 - y1, abs=0.2) and y2 > y0


def test_verify_page_of_the_digits_proves_its_derivation():
    from symdl.tour import digits

    net, loss = digits.model()
    derived = pipeline.derive(loss, list(net.params.values()))
    assert derived["W1"].shape == net.params["W1"].shape
    assert derived.verify().ok
