"""Derivations and pages as text, LaTeX, Markdown and HTML: they read as a textbook, and nothing of a user's gets out unescaped."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.render.derivation import derivation_latex, derivation_text
from symdl.render.outline import outline
from symdl.render.page import page_latex, page_text
from symdl.render.plots import contour_path_svg
from symdl.render.save import save_derivation
from symdl.render.svg_safe import inline_svg
from symdl.render.words import word
from symdl.steps.verdict import Check, Report

EVIL = '<script>alert("x")</script>'


def network(activation=sd.sigmoid) -> sd.Expr:
    N, p, h, m = sd.dims("N p h m")
    X, T = sd.tensor("X", N, p), sd.tensor("T", N, m)
    W1, b1, W2, b2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("b2", m)
    return sd.sum((activation(activation(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2


@pytest.fixture(scope="module")
def derived():
    return sd.derive(network(), ["W1", "b1", "W2", "b2"])


def softmax_loss() -> sd.Expr:
    X, W, Y = sd.tensor("X", "N", "p"), sd.tensor("W", "p", "m"), sd.tensor("Y", "N", "m")
    return -sd.sum(Y * sd.log(sd.softmax(X @ W)))


def sample_derivations() -> dict:
    x, w, z = sd.tensor("x"), sd.tensor("w"), sp.Symbol("z")
    A, v = sd.tensor("A", "n", "n"), sd.tensor("v", "n")
    return {
        "network": sd.derive(network(sd.relu), ["W1", "b2"]),
        "softmax": sd.derive(softmax_loss(), ["W"]),
        "nameless scalars": sd.derive(sd.exp(sd.sin(x**2 * w)) + x, [x, w]),
        "plain SymPy": sd.derive(1 / (1 + sp.exp(-z)), z),
        "matrix functions": sd.derive(v @ sd.inv(A) @ v + sd.logdet(A), [A, v]),
        "named results": sd.derive(sd.let("y", sd.tanh(w * x) + w) ** 2, [x, w]),
        "the input itself": sd.derive(x, [x]),
    }


SAMPLES = sample_derivations()


# --- what is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fragment",
    [
        r"z^{(1)}_{kj} &= \sum_{i=1}^{p}",
        r"z^{(1)} &= X W^{(1)}",
        r"a^{(2)}_{kl} &= \sigma\left(z^{(2)}_{kl}\right)",
        r"\frac{\partial C}{\partial a^{(2)}_{kl}} &= a^{(2)}_{kl} - T_{kl}",
        r"\delta^{(2)}_{kl} = \frac{\partial C}{\partial z^{(2)}_{kl}} &=",
        r"\frac{\partial a^{(2)}_{k'l'}}{\partial z^{(2)}_{kl}} && \text{chain rule}",
        r"\text{derivative of the sigmoid}",
        r"\text{sum out a delta}",
        r"\sum_{l=1}^{m} W^{(2)}_{jl} \, \delta^{(2)}_{kl}",
        r"\frac{\partial C}{\partial a^{(1)}} &= \delta^{(2)} W^{(2)\top}",
        r"\frac{\partial C}{\partial W^{(1)}_{ij}} &= \sum_{k=1}^{N} X_{ki} \, \delta^{(1)}_{kj}",
        r"\frac{\partial C}{\partial W^{(1)}} &= X^{\top} \delta^{(1)}",
        r"\frac{\partial C}{\partial W^{(2)}} &= a^{(1)\top} \delta^{(2)}",
    ],
)
def test_a_network_reads_as_in_a_textbook(derived, fragment: str) -> None:
    assert bare(fragment) in bare(derivation_latex(derived))


def bare(latex: str) -> str:
    """LaTeX without what only spaces it."""
    return re.sub(r"\\,|\\left|\\right|[{}\s]", "", latex)


def test_samples_come_first_whatever_the_order_in_the_node(derived) -> None:
    latex = derivation_latex(derived)
    assert not re.search(r"(z|a|delta)\^\(\d\)_[jl]'*k", bare(latex))


def test_text_holds_array_notation_and_reasons(derived) -> None:
    text = derivation_text(derived)
    for line in ("z1 = X @ W1 + b1", "= X.T @ delta1", "= a1.T @ delta2", "= delta2 @ W2.T", "[chain rule]", "Backward propagation"):
        assert line in text
    assert str(derived).startswith("Derivative of C with respect to W1, b1, W2, b2")


def test_every_row_equals_the_row_before(derived) -> None:
    """What is shown is what was done: each chain of equalities holds at random numbers."""
    rng = np.random.default_rng(0)
    sizes = {"N": 3, "p": 2, "h": 4, "m": 2}
    values = {n.attr.name: rng.normal(size=tuple(sizes[str(s)] for s in n.shape)) for n in _inputs(derived.loss.node)}
    seen = dict(values)
    for name, node in ((name, node) for node, name in derived.names.items()):
        found = np.asarray(_value(sd.Expr(*_whole(node)), values))
        order = sorted(range(found.ndim), key=lambda k, n=node: str(n.shape[k]) != "N")
        seen[name] = found.transpose(order)
    checked = 0
    for block in outline(derived).backward:
        rows = [row.rhs for row in block.rows if not _has_partial(row.rhs)]
        arrays = [_value(_closed(r), {k: v for k, v in seen.items() if k in r.inputs}) for r in rows]
        for a, b in itertools.pairwise(arrays):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)
            checked += 1
    assert checked >= 7


def _has_partial(expr: sd.Expr) -> bool:
    from symdl.graph.walk import topological

    return any(node.op == "partial" for node in topological([expr.node]))


def _inputs(node):
    from symdl.graph.walk import inputs

    return inputs([node])


def _whole(node):
    from symdl.graph.build import Term

    return Term(node, tuple(range(node.rank))), node.shape


def _closed(expr: sd.Expr) -> sd.Expr:
    """Open letters in alphabetic order become axes."""
    letters = sorted(expr.open, key=str)
    named = sd.let("row", expr, *letters) if letters else expr
    return named


def _value(expr: sd.Expr, values: dict):
    from symdl.lower.api import evaluate

    sizes = {"N": 3, "p": 2, "h": 4, "m": 2}
    wanted = set(expr.inputs)
    found = evaluate(expr, **{k: v for k, v in values.items() if k in wanted})
    return np.broadcast_to(found, tuple(sizes[str(s)] for s in expr.shape))


def test_detail_all_shows_every_step(derived) -> None:
    named, every = outline(derived), outline(derived, "all")
    shown = {rule.name for block in every.backward for row in block.rows for rule in row.rules}
    assert shown >= {step.rule.name for step in derived.steps}
    assert sum(len(b.rows) for b in every.backward) > sum(len(b.rows) for b in named.backward)
    assert "u1" in derivation_text(derived, detail="all")


def test_no_rule_is_lost_by_folding(derived) -> None:
    shown = {rule.name for block in outline(derived).backward for row in block.rows for rule in row.rules}
    assert shown >= {step.rule.name for step in derived.steps} - {"constant factor", "definition"}


def test_long_nameless_results_get_a_name(derived) -> None:
    text = derivation_text(SAMPLES["softmax"])
    assert re.search(r"u1 = X @ W\b", text)


def test_same_size_twice_gets_two_letters() -> None:
    latex = derivation_latex(SAMPLES["matrix functions"])
    assert bare(r"\frac{\partial C}{\partial A_{ij}}") in bare(latex)


def test_chinese() -> None:
    d = SAMPLES["network"]
    text = derivation_text(d, "zh")
    for part in ("已知", "反向传播", "梯度", "链式法则", "消去"):
        assert part in text
    assert "chain rule" not in text
    assert r"\text{链式法则}" in derivation_latex(d, "zh")


def test_every_step_has_a_chinese_name() -> None:
    missing = {s.rule.name for d in SAMPLES.values() for s in d.steps if not s.rule.zh}
    assert not missing


def test_unknown_language_and_detail_are_refused() -> None:
    d = SAMPLES["named results"]
    with pytest.raises(sd.SymdlError, match="en and zh"):
        derivation_text(d, "fr")
    with pytest.raises(sd.SymdlError, match="'named' or 'all'"):
        derivation_text(d, detail="some")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("detail", ["named", "all"])
def test_all_kinds_of_derivations_are_written(name: str, detail: str) -> None:
    d = SAMPLES[name]
    assert "\n" in derivation_text(d, detail=detail)
    latex = derivation_latex(d, detail=detail)
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") > 0
    assert latex.count("{") == latex.count("}")


def test_a_long_chain_is_written() -> None:
    x, w = sd.tensor("x"), sd.tensor("w")
    made = x
    for _ in range(300):
        made = sd.tanh(made * w)
    text = derivation_text(sd.derive(made, [x]))
    assert text.count("derivative of tanh") >= 299


# --- HTML ---------------------------------------------------------------------------------------------------


class Strict(HTMLParser):
    """Knows which tags are open, and collects what could run."""

    VOID = frozenset(("meta", "br", "hr", "img", "link", "rect", "path", "circle"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parse(html: str) -> Strict:
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert not parser.open
    return parser


def check_safe(html: str) -> Strict:
    """Well nested, no scripts, nothing fetched."""
    parser = parse(html)
    assert not {"script", "iframe", "object", "link", "foreignobject"} & set(parser.tags)
    for key, value in parser.attributes:
        assert not key.startswith("on")
        if key in ("href", "src", "xlink:href"):
            assert (value or "").startswith("#") or (value or "").startswith("data:image/png")
    return parser


def evil_page() -> sd.Page:
    z = sp.Symbol("z")
    page = sd.Page(EVIL, name="evil")
    page.text(f"{EVIL} $\\text{{{EVIL}}} < \\href{{javascript:alert(1)}}{{x}}$ & more").heading(EVIL).formula(rf"\text{{{EVIL}}} & x")
    page.claim(EVIL, z, z, lhs_latex=EVIL).fact(EVIL, EVIL, EVIL)
    page.figure('<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>1</script><a href="http://x.y"><rect/></a><circle id="c" r="2"/></svg>', EVIL)
    return page


def evil_report() -> Report:
    return Report(EVIL, [Check(EVIL, EVIL, "PROVED"), Check("b", EVIL, "FAILED", 3, 0.5, EVIL), Check("c", "d", EVIL)])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_html_of_a_derivation(derived, lang: str) -> None:
    pytest.importorskip("latex2mathml")
    html = derived.html(lang)
    parser = check_safe(html)
    assert parser.tags.count("math") > 60
    assert "code" not in parser.tags  # every formula could be read
    assert ("chain rule" in html) == (lang == "en")
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in html


@pytest.mark.parametrize("name", SAMPLES)
def test_every_formula_becomes_mathml(name: str) -> None:
    pytest.importorskip("latex2mathml")
    from symdl.render.html import derivation_html

    assert "code" not in check_safe(derivation_html(SAMPLES[name])).tags


def test_html_escapes_what_comes_from_users() -> None:
    pytest.importorskip("latex2mathml")
    from symdl.render.html import page_html, report_html

    for html in (page_html(evil_page(), evil_report()), report_html([(evil_page(), evil_report())], EVIL, "zh", [(EVIL, EVIL)])):
        check_safe(html)
        assert "<script" not in html
        assert "javascript:" not in html
        assert "http://x.y" not in html
        assert "&lt;script&gt;" in html


def test_report_has_contents_and_coloured_verdicts() -> None:
    pytest.importorskip("latex2mathml")
    from symdl.render.html import report_html

    good = Report("g", [Check("dC/dw", "NumPy tape", "ok", 20, 1e-15), Check("step 1", "proof, exact", "PROVED")])
    bad = Report("b", [Check("dC/dw", "NumPy tape", "FAILED", 20, 0.5)])
    pages = [sd.Page("One").text("first"), sd.Page("Two").text("second"), sd.Page("Three")]
    html = report_html(list(zip(pages, [good, bad, None], strict=True)), "The tour", summary=[("time", 1.5)])
    check_safe(html)
    for k, title in enumerate(("One", "Two", "Three"), start=1):
        assert f'<a href="#part{k}">{title}</a>' in html
        assert f'id="part{k}"' in html
    assert html.count('class="badge good">PROVED') == 3  # contents, heading, the line
    assert html.count('class="badge bad">REFUTED') == 2
    assert 'class="badge bad">FAILED' in html
    assert "1.0e-15" in html


def test_long_reports_are_folded_and_failing_ones_are_not() -> None:
    pytest.importorskip("latex2mathml")
    from symdl.render.html import page_html

    many = [Check(f"step {k}", "proof", "PROVED") for k in range(30)]
    assert "<details>" in page_html(sd.Page("a"), Report("a", many))
    assert "<details>" not in page_html(sd.Page("a"), Report("a", [*many, Check("x", "proof", "REFUTED")]))


def test_missing_converter_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "latex2mathml", None)
    monkeypatch.setitem(__import__("sys").modules, "latex2mathml.converter", None)
    with pytest.raises(sd.MissingExtraError, match=r"symdl\[html\]"):
        SAMPLES["plain SymPy"].html()


def test_unreadable_latex_stands_as_it_is() -> None:
    pytest.importorskip("latex2mathml")
    from symdl.render.mathml import mathml

    shown = mathml(r"\left( x <b> \begin{matrix}")
    assert "<b>" not in shown
    assert parse(shown)


def test_figures_of_one_page_do_not_share_ids() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><defs><clipPath id="a"><rect/></clipPath></defs><g clip-path="url(#a)"><use href="#a"/></g></svg>'
    one, two = inline_svg(svg, "f1-"), inline_svg(svg, "f2-")
    assert 'id="f1-a"' in one
    assert "url(#f1-a)" in one
    assert 'href="#f2-a"' in two


@pytest.mark.parametrize("text", ["", "<svg", "<html/>", '<!DOCTYPE x [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>'])
def test_a_figure_that_is_no_svg_is_refused(text: str) -> None:
    with pytest.raises(sd.UnsupportedError, match="figure"):
        inline_svg(text, "p")


# --- pages --------------------------------------------------------------------------------------------------


def sigmoid_page() -> sd.Page:
    z = sp.Symbol("z")
    s = sd.sigmoid(z)
    page = sd.Page("The sigmoid, 100%", "S 函数", name="sigmoid")
    page.text(r"Its slope is $\sigma'(z)$, at most 25%.", "斜率 $\\sigma'(z)$").heading("Slope", "斜率")
    page.chain(sp.Derivative(s, z), ("quotient rule", sp.exp(-z) / (1 + sp.exp(-z)) ** 2), ("written with the sigmoid", s * (1 - s)), start_latex=r"\sigma'(z)")
    return page.fact("largest slope", 0.25, 0.25).fact("close", 0.3, 0.25).derivation(sd.derive((s - 1) ** 2, z))


def test_page_as_latex() -> None:
    latex = page_latex(sigmoid_page())
    assert r"\section*{The sigmoid, 100\%}" in latex
    assert r"\sigma'(z) &= \frac{e^{- z}}" in latex
    assert latex.count(r"\text{written with the sigmoid}") == 1
    assert r"largest slope: 0.25." in latex
    assert r"close: 0.3 (expected 0.25)." in latex
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}")


def test_claims_that_continue_stand_in_one_chain() -> None:
    latex = page_latex(sigmoid_page())
    first = latex.split(r"\end{align*}")[0]
    assert "quotient rule" in first
    assert "written with the sigmoid" in first


def test_page_as_text_in_chinese() -> None:
    text = page_text(sigmoid_page(), "zh")
    assert text.startswith("S 函数\n")
    assert "$" not in text
    assert "对 z 的导数" in text


def test_every_word_is_in_both_languages() -> None:
    from symdl.render.words import _WORDS

    assert all(word(key, "en") and word(key, "zh") for key in _WORDS)


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "holds"),
    [
        ("d.tex", "\\documentclass", r"\end{document}"),
        ("d.md", "# ", "```math"),
        ("d.txt", "Derivative of", "chain rule"),
        ("d.svg", "<svg", "W1"),
        ("d.html", "<!DOCTYPE html>", "</html>"),
        ("D.TEX", "\\documentclass", "amsmath"),
    ],
)
def test_save(derived, tmp_path: Path, name: str, start: str, holds: str) -> None:
    if name.endswith("html"):
        pytest.importorskip("latex2mathml")
    path = derived.save(tmp_path / "new folder" / name)
    assert path == tmp_path / "new folder" / name
    text = path.read_text(encoding="utf-8")
    assert text.startswith(start)
    assert holds in text
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_chinese_tex_uses_a_class_that_knows_chinese(tmp_path: Path) -> None:
    path = save_derivation(SAMPLES["plain SymPy"], tmp_path / "d.tex", "zh")
    assert "ctexart" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "words"), [("d.pdf", r"d\.html"), ("d.docx", r"\.docx"), ("d", "none")])
def test_other_endings_are_refused_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(sd.UnsupportedError, match=words) as error:
        save_derivation(SAMPLES["plain SymPy"], tmp_path / name)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(sd.DataError, match="cannot write"):
        save_derivation(SAMPLES["plain SymPy"], tmp_path / "file" / "d.txt")


# --- plots --------------------------------------------------------------------------------------------------


def test_contour_lines_lie_where_the_function_has_one_value() -> None:
    from symdl.render.plots import _segments

    x, y = np.linspace(-2, 2, 81), np.linspace(-2, 2, 81)
    z = x[None, :] ** 2 + y[:, None] ** 2
    points = np.array(list(_segments(x, y, z, 1.0)))
    assert len(points) > 100
    radii = np.hypot(points[:, [0, 2]], points[:, [1, 3]])
    np.testing.assert_allclose(radii, 1.0, atol=2e-3)
    lengths = np.hypot(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    assert lengths.sum() == pytest.approx(2 * np.pi, rel=1e-2)  # the circle is closed, nothing is drawn twice


def test_contour_plot_is_svg_with_every_point_of_the_path() -> None:
    path = [[3.0, 1.0], [1.0, -1.0], [0.2, 0.5]]
    svg = contour_path_svg(lambda x, y: x**2 + 10 * y**2, path, ("<a>", "b"))
    root = ElementTree.fromstring(svg)
    assert sum(e.tag.endswith("circle") for e in root.iter()) == 3
    assert "<a>" not in svg
    assert svg == contour_path_svg(lambda x, y: x**2 + 10 * y**2, path, ("<a>", "b"))


@pytest.mark.parametrize(
    ("f", "path"),
    [
        (lambda x, y: x, []),
        (lambda x, y: x, [[1.0, 2.0, 3.0]]),
        (lambda x, y: x, [[1.0, float("nan")]]),
        (lambda x, y: x * np.nan, [[1.0, 2.0]]),
    ],
)
def test_contour_plot_refuses_what_it_cannot_draw(f, path) -> None:
    with pytest.raises(sd.DataError):
        contour_path_svg(f, path)


@pytest.mark.parametrize("f", [lambda x, y: 0, lambda x, y: np.log(x), lambda x, y: x * y])
def test_contour_plot_of_flat_partial_and_saddle_functions(f) -> None:
    assert ElementTree.fromstring(contour_path_svg(f, [[0.5, 0.5], [0.6, 0.5]])) is not None
