"""The score: of every gradient its mutants by outcome, and how many of those caught would have passed numeric checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from symdl.mutants.gradients import ENTRIES, Gradient, made
from symdl.mutants.judge import CAUGHT, EQUAL, SURVIVED, UNCONFIRMED, UNDECIDED, UNDEFINED, Judged, judge, points
from symdl.mutants.make import mutants
from symdl.mutants.tolerances import RULES, Point
from symdl.prove.claims import check
from symdl.steps.verdict import PROVED, REFUTED

#: Mutants a gradient: of the whole suite, and of the quick one.
MOST, QUICK = 30, 4


@dataclass
class Row:
    """What was found of one gradient.

    Attributes
    ----------
    name : str
    right : str
        The verdict on the right gradient.
    judged : list of Judged
    passed : Counter
        Rule of ``tolerances.py`` -> how many mutants that differ it lets pass.
    """

    name: str
    right: str
    judged: list[Judged] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: str) -> int:
        return sum(j.outcome == outcome for j in self.judged)

    @property
    def different(self) -> int:
        """Mutants that were not proved to be the same gradient in another form, and have a value somewhere."""
        return len(self.judged) - self.count(EQUAL) - self.count(UNDEFINED)


@dataclass
class Score:
    """All rows; prints as a table."""

    rows: list[Row] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing survived, every witness holds, no right gradient was refuted."""
        return all(r.right != REFUTED and not r.count(SURVIVED) and not r.count(UNCONFIRMED) for r in self.rows)

    @property
    def decided(self) -> bool:
        """Nothing is unknown either."""
        return all(r.right == PROVED and not r.count(UNDECIDED) for r in self.rows)

    def total(self, outcome: str) -> int:
        return sum(r.count(outcome) for r in self.rows)

    def __str__(self) -> str:
        return table(self)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


def run(quick: bool = False, names: list[str] | None = None, seed: int = 0, seconds: float = 10.0, say: Callable[[Row], None] = lambda row: None) -> Score:
    """Make the mutants and judge them.

    Parameters
    ----------
    quick : bool
        A few mutants of every gradient.
    names : list of str, optional
        The gradients meant; all when not given.
    seed : int
        Which mutants.
    seconds : float
        For a proof.
    say : callable
        Is told every row when it is done.
    """
    score = Score()
    for place, name in enumerate(ENTRIES if names is None else names):
        row = _row(made(name), QUICK if quick else MOST, seed + place, seconds)
        score.rows.append(row)
        say(row)
    return score


def _row(gradient: Gradient, most: int, seed: int, seconds: float) -> Row:
    row = Row(gradient.name, check(gradient.loss, gradient.wrt, gradient.right, time_budget=seconds).verdict)
    at = _fair(gradient)
    for mutant in mutants(gradient.right, most, seed):
        judged = judge(gradient, mutant, seconds)
        row.judged.append(judged)
        if judged.outcome not in (EQUAL, UNDEFINED):
            row.passed.update(at.passed(mutant.claim))
    return row


def _fair(gradient: Gradient) -> Point:
    """A point at which the numeric checks accept the right gradient, as many of them as do anywhere: elsewhere they would catch everything."""
    found = [Point(gradient.loss, gradient.wrt, values) for values in points(gradient, gradient.right, 8)]
    return max(found, key=lambda point: len(point.passed(gradient.right)))


HEAD = ("gradient", "right one", "mutants", "equal", "REFUTED", "UNKNOWN", "survived", *(f"passes {rule.name}" for rule in RULES))


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table. A refutation whose witness does not hold counts as survived."""
    return (
        row.name,
        row.right,
        str(row.different),
        str(row.count(EQUAL)),
        str(row.count(CAUGHT)),
        str(row.count(UNDECIDED)),
        str(row.count(SURVIVED) + row.count(UNCONFIRMED)),
        *(str(row.passed[rule.name]) for rule in RULES),
    )


def table(score: Score) -> str:
    """The score as a table of fixed-width columns, its sums, and what was not caught, mutant by mutant."""
    rows = [cells(row) for row in score.rows]
    sums = ("all", "", *(str(sum(int(r[k]) for r in rows)) for k in range(2, len(HEAD))))
    shown = [HEAD, *rows, sums]
    widths = [max(len(r[k]) for r in shown) for k in range(len(HEAD))]
    lines = ["  ".join(c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(r, widths, strict=True))).rstrip() for r in shown]
    rule = "  ".join("-" * w for w in widths)
    lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
    for row in score.rows:
        lines += [f"{j.outcome}: {row.name}, {j.mutant.kind}: {_one_line(j)}" for j in row.judged if j.outcome not in (CAUGHT, EQUAL)]
    different, caught = sum(r.different for r in score.rows), score.total(CAUGHT)
    lines.append(f"{caught} of {different} mutants caught; not counted: {score.total(EQUAL)} proved to be equal, {score.total(UNDEFINED)} without a real value")
    return "\n".join(lines)


def _one_line(judged: Judged) -> str:
    shown = f"{' '.join(str(judged.mutant.claim).split())[:160]} ({judged.verdict})"
    return " ".join(shown.split())[:400]
