"""Verdicts and reports: pure data that prints itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

PROVED = "PROVED"
REFUTED = "REFUTED"
UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Verdict:
    """The answer to "are these two equal?"; prints as one line.

    Attributes
    ----------
    verdict : {"PROVED", "REFUTED", "UNKNOWN"}
    method : str
        How it was decided, or what was tried.
    witness : dict or None
        When REFUTED: input name -> value (a number or nested list; a Fraction where no float is the point) at which the two sides differ, and under
        "lhs" and "rhs" of ``sides`` what they are there.
    sides : tuple or None
        The two values at the witness.
    detail : str
        One line for a person.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> v = sd.prove((x + 1)**2, x**2 + 2*x + 1)
    >>> v.verdict, v.proved
    ('PROVED', True)
    """

    verdict: str
    method: str = ""
    witness: dict[str, Any] | None = None
    sides: tuple[Any, Any] | None = None
    detail: str = ""

    @property
    def proved(self) -> bool:
        """True when the verdict is PROVED."""
        return self.verdict == PROVED

    def __str__(self) -> str:
        parts = [self.verdict]
        if self.method:
            parts.append(f"by {self.method}" if self.verdict != UNKNOWN else f"tried: {self.method}")
        if self.witness is not None:
            at = ", ".join(f"{k} = {_short(v)}" for k, v in self.witness.items())
            parts.append(f"at {at}" + (f": {_short(self.sides[0])} against {_short(self.sides[1])}" if self.sides else ""))
        if self.detail:
            parts.append(self.detail)
        return "; ".join(parts)


def _short(value: Any, most: int = 120) -> str:
    """A value in one line; the whole of it is in ``Verdict.witness``."""
    shown = str(value)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


@dataclass(frozen=True)
class Check:
    """One line of a report.

    Attributes
    ----------
    what : str
        "dC/dW1", "step 3: chain rule", ...
    how : str
        "proof, exact", "NumPy tape", "PyTorch", ...
    verdict : str
        PROVED, REFUTED, UNKNOWN for proofs; "ok", "FAILED", "skipped" for numeric checks.
    points : int
        Number of inputs at which it was tried; 0 for a proof.
    error : float or None
        Largest relative error; None for a proof.
    note : str
        What else is to be said, such as where it failed.
    """

    what: str
    how: str
    verdict: str
    points: int = 0
    error: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        """False only for what is known to be wrong or was not decided."""
        return self.verdict in (PROVED, "ok", "skipped")


@dataclass
class Report:
    """The lines of a verification; prints as a table.

    Attributes
    ----------
    title : str
    checks : list of Check
        Iterating over the report gives them too.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> report = sd.derive(x**2, x).verify(oracles="tape")
    >>> report.ok, report.verdict
    (True, 'PROVED')
    """

    title: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when there are checks, and all of them hold."""
        return bool(self.checks) and all(c.ok for c in self.checks)

    @property
    def verdict(self) -> str:
        """REFUTED if anything is wrong, UNKNOWN if anything is undecided or numbers are all there is, else PROVED."""
        found = {c.verdict for c in self.checks}
        if found & {REFUTED, "FAILED"}:
            return REFUTED
        return PROVED if self.ok and PROVED in found else UNKNOWN

    def extend(self, checks: Iterable[Check]) -> None:
        """Add checks.

        Parameters
        ----------
        checks : iterable of Check
        """
        self.checks.extend(checks)

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __str__(self) -> str:
        return table(self)


_HEAD = ("what", "how", "points", "largest error", "verdict")


def table(report: Report) -> str:
    """The report as a table of fixed-width columns."""
    rows = [_HEAD] + [_row(c) for c in report.checks]
    widths = [max(len(r[k]) for r in rows) for k in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * w for w in widths))
    lines.append(tally(report))
    return "\n".join(([report.title] if report.title else []) + lines)


def tally(report: Report) -> str:
    """One line: how many checks hold and the verdict; where that is not PROVED, what was proved, what only agrees in numbers, and what is open."""
    count = len(report.checks)
    if report.verdict == PROVED:
        return f"{count} of {count} hold: {PROVED}"
    said = [f"{number} {kind}" for kind, number in kinds(report).items()]
    return f"of {count}: {', '.join(said)}: {report.verdict}"


def kinds(report: Report) -> dict[str, int]:
    """How many checks were proved, and of every other kind that is there."""
    found = [c.verdict for c in report.checks]
    counted = {
        "proved": found.count(PROVED),
        "wrong": sum(v in (REFUTED, "FAILED") for v in found),
        "in agreement by numbers only": found.count("ok"),
        "skipped": found.count("skipped"),
    }
    counted["undecided"] = len(found) - sum(counted.values())
    return {kind: number for kind, number in counted.items() if number or kind == "proved"}


def _row(check: Check) -> tuple[str, ...]:
    error = "" if check.error is None else f"{check.error:.1e}"
    verdict = check.verdict + (f" ({check.note})" if check.note else "")
    return _short(check.what, 60), _short(check.how, 72), str(check.points) if check.points else "", error, verdict
