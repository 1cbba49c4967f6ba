"""The tour: every derivation proved and checked, a network trained on real data, one report to open."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from symdl import pipeline, scripts
from symdl.errors import DataError, SymdlError, missing_extra
from symdl.render.html import report_html
from symdl.render.mathml import require_converter
from symdl.steps.page import Page
from symdl.steps.verdict import Check, Report, tally

REPORT = "symdl-report.html"


def run(
    out: str | Path | None = None,
    lang: str = "en",
    names: Sequence[str] = (),
    epochs: int | None = None,
    say: Callable[[str], Any] = print,
    progress: bool | None = None,
) -> int:
    """Run everything and write the report.

    Parameters
    ----------
    out : path, optional
        The HTML file to write, or a folder for it; ``symdl-report.html`` here when not given.
    lang : {"en", "zh"}
    names : sequence of str
        Derivation scripts to run; all when none is named.
    epochs : int, optional
        Epochs for the digits network.
    say : callable
        Told about the progress, line by line.
    progress : bool, optional
        Whether training shows a bar; unless told, in a terminal.

    Returns
    -------
    int
        0 when everything holds, else 1.

    Raises
    ------
    DataError, MissingExtraError
        When the report cannot be written, or a package that the tour needs is missing.
    """
    path = _target(out)
    started = time.perf_counter()
    found = scripts.find(names)
    say(f"{len(found)} derivations, each proved and checked; then a network learns handwritten digits. The report: {path}")
    require_converter()  # before minutes of work, not after
    if find_spec("sklearn") is None:
        raise missing_extra("scikit-learn", "examples", "the digits network")
    makers: list[tuple[str, Callable[[], Page]]] = [(p.stem, lambda p=p: scripts.load_page(p)) for p in found]  # type: ignore[misc]
    makers.append(("digits", lambda: _digits(epochs, progress)))
    parts = []
    for k, (name, make) in enumerate(makers, start=1):
        begun = time.perf_counter()
        page, report = _part(name, make)
        parts.append((page, report))
        say(f"[{k}/{len(makers)}] {name}: {tally(report)}, {time.perf_counter() - begun:.1f} s")
        for check in report.checks:
            if not check.ok:
                say(f"    {check.what} ({check.how}): {check.verdict} {check.note}")
    return _finish(path, parts, lang, say, time.perf_counter() - started)


def _digits(epochs: int | None, progress: bool | None) -> Page:
    from symdl.tour import digits  # scikit-learn takes a second to import: last, when there is something to read

    return digits.page(epochs or digits.EPOCHS, progress)


def _part(name: str, make: Callable[[], Page]) -> tuple[Page, Report]:
    """A page and its verification; what fails is a line of the report, so that the rest is still run."""
    page = Page(name, name=name)
    try:
        page = make()
        return page, pipeline.verify_page(page)
    except SymdlError as error:
        return page, Report(name, [Check(name, "run", "FAILED", note=str(error))])


def _target(out: str | Path | None) -> Path:
    """The file to write; known to be writable before the work begins."""
    path = Path(out) if out is not None else Path(REPORT)
    if path.is_dir() or (out is not None and path.suffix == ""):
        path = path / REPORT
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise DataError(f"the report cannot be written to {path}: {error.strerror or error}") from None
    return path


def _finish(path: Path, parts: list[tuple[Page, Report]], lang: str, say: Callable[[str], Any], seconds: float) -> int:
    checks = [c for _, report in parts for c in report.checks]
    good, failed = sum(c.ok for c in checks), [page.title for page, report in parts if not report.ok]
    title = "symdl: 一览" if lang == "zh" else "symdl: the tour"
    held = "成立" if lang == "zh" else "hold"
    path.write_text(report_html(parts, title, lang, [(held, f"{good} / {len(checks)}")]), encoding="utf-8")
    say(f"{good} of {len(checks)} proofs and checks hold; {seconds:.0f} s")
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    say(f"The report is {path.resolve()}")
    return 1 if failed else 0
