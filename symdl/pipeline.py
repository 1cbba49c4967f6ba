"""derive -> prove and check -> lower -> train: where the rooms meet. Everything here is a few calls long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symdl.diff import derive as differentiator
from symdl.diff.targets import Targets, inputs_among
from symdl.errors import DataError, SymdlError
from symdl.expr.in_kind import Kind
from symdl.expr.tensor import Expr
from symdl.graph.memory import collector_paused
from symdl.graph.walk import more_than
from symdl.higher import Blocks, hessian, hvp, jacobian, jvp, key_of, scalar, several, some, vjp
from symdl.steps.page import Claim, Fact, Page
from symdl.steps.page import Derived as DerivedBlock
from symdl.steps.step import Derivation
from symdl.steps.verdict import Check, Report, Verdict

#: For the whole verification of a derivation.
VERIFY_SECONDS = 60.0


class Derived(Derivation):
    """A derivation that can prove, check, print and save itself.

    Indexing gives a gradient by tensor or by name; a plain SymPy loss is answered with plain SymPy expressions.
    """

    in_kind: Callable[[Expr], Any] = staticmethod(lambda gradient: gradient)
    views: Mapping[str, tuple[str, Callable[[Expr], Expr]]] = {}
    structure: Any = None

    def __getitem__(self, key: Any) -> Any:
        if key_of(key) in self.views:  # an element or a transpose: a look at the whole gradient
            name, look = self.views[key_of(key)]
            return self.in_kind(look(self.gradients[name]))
        return self.in_kind(super().__getitem__(key_of(key)))

    def verify(self, oracles: Sequence[str] | str = (), time_budget: float = VERIFY_SECONDS) -> Report:
        """Prove every step and every gradient, and check the gradients against numeric backprop.

        ``oracles``: which numeric derivatives are asked, of "tape", "torch", "jax", "complex", "differences", or "all"; the first two when nothing is said.
        ``time_budget``: seconds of computing for all of it; what it leaves no time for is UNKNOWN, or skipped, and says so.
        """
        from symdl.prove.stop import Clock
        from symdl.prove.verify import verify_gradients, verify_steps

        clock = Clock(time_budget)
        report = Report(f"derivation of d{self.loss_name}/d({', '.join(self.wrt)})")
        report.extend(verify_gradients(self.loss, self.gradients, self.wrt, structure=self.structure, oracles=oracles, clock=clock))
        report.extend(verify_steps(self.steps, clock=clock))
        return report

    def latex(self, lang: str = "en") -> str:
        """The derivation as LaTeX."""
        from symdl.render.derivation import derivation_latex

        return derivation_latex(self, lang)

    def html(self, lang: str = "en") -> str:
        """The derivation as one HTML page that needs nothing else."""
        from symdl.render.html import derivation_html

        return derivation_html(self, lang)

    def save(self, path: str | Path, lang: str = "en") -> Path:
        """Write the derivation to a file; the ending says how (.html, .tex, .md, .txt, .svg, .pdf)."""
        from symdl.render.save import save_derivation

        return save_derivation(self, path, lang)

    def __str__(self) -> str:
        from symdl.render.derivation import derivation_text

        return derivation_text(self)

    def __repr__(self) -> str:
        if not more_than([self.loss.node], LONG):
            return str(self)
        return f"<derivation of d{self.loss_name}/d({', '.join(list(self.wrt)[:5])}{', ...' if len(self.wrt) > 5 else ''}): long; str() writes it out>"


#: Derivations of losses of more nodes than this are not shown without being asked for.
LONG = 2000


@collector_paused()
def derive(loss: Any, wrt: Any, structure: Any = None) -> Derived:
    """Derive the gradient of a scalar, step by step.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    wrt : tensor, name, SymPy Symbol or Indexed, or a list of these
    structure : "symmetric", "diagonal", "full", or a dict of these by name, optional
        By a matrix declared symmetric or diagonal the gradient is over its independent entries, G + G.T - diag(G) and diag(G) (Matrix Cookbook,
        section 2.8); "full" gives G, as if all entries were independent.

    Returns
    -------
    Derived
        ``d[W1]`` is the gradient, of W1's shape; ``d.steps`` says how it was found.

    Raises
    ------
    NameError_, ShapeError
        When a name does not occur in the loss, or the loss is no scalar.
    """
    expr = scalar(loss, "the gradient")
    targeted = some(several(wrt) or list(wrt)) if isinstance(wrt, (list, tuple, sp.Tuple, sp.MatrixBase)) else [wrt]
    kind = Kind.of(loss, *targeted)
    views: dict[str, tuple[str, Callable[[Expr], Expr]]] = {}
    targets = inputs_among(loss, targeted) or {}
    if not targets:
        found = Targets(expr, kind.start)
        for one in targeted:
            whole, name, look = found.find(one)
            targets[name] = whole
            if look is not None:
                views[key_of(one)] = name, look
    plain = differentiator.derivation(expr, targets, structure)
    derived = Derived(**{f: getattr(plain, f) for f in plain.__dataclass_fields__})
    derived.views = views
    derived.in_kind = kind.answer
    derived.structure = structure
    return derived


@collector_paused()
def grad(loss: Any, wrt: Any, structure: Any = None) -> Any:
    """The gradient of a scalar: of the parameter's shape; for a list, a dict by name; for an explicit Matrix of symbols, such a Matrix.

    ``structure``: as for :func:`derive`.
    """
    derived = derive(loss, wrt, structure)
    if isinstance(wrt, (list, tuple, sp.Tuple)):
        if isinstance(loss, Expr) and not derived.views:
            return dict(derived.gradients)
        return {name: derived[name] for name in map(key_of, wrt)}
    if isinstance(wrt, sp.MatrixBase):
        return sp.ImmutableMatrix(*wrt.shape, [derived[one] for one in wrt])
    return derived[wrt]


def value_and_grad(loss: Any, wrt: Any, backend: str = "auto", dtype: Any = None) -> Callable[..., tuple[float, dict[str, Any]]]:
    """A function of the inputs by keyword: g(**arrays) -> (loss, {name: gradient}); in 64 bits unless ``dtype="float32"``."""
    from symdl.lower.api import value_and_gradients

    derived = derive(loss, wrt)
    return value_and_gradients(derived.loss, derived.gradients, backend, dtype)


def train(
    loss: Any,
    params: Mapping[str, Any],
    data: Mapping[str, Any],
    lr: float,
    epochs: int,
    batch: int | None = None,
    method: str = "gd",
    backend: str = "auto",
    seed: int = 0,
    **options: Any,
) -> Any:
    """Fit parameters by gradient descent; see ``symdl.train.loop.fit_loop`` for the options."""
    from symdl.train.loop import fit_loop
    from symdl.train.settings import by_name

    start, given = by_name("params", params), by_name("data", data)
    if not start:
        raise DataError("train: params is empty: give each parameter's name and its initial value")
    derived = derive(loss, list(start))
    return fit_loop(derived.loss, derived.gradients, start, given, lr=lr, epochs=epochs, batch=batch,
                    method=method, backend=backend, seed=seed, **options)  # fmt: skip


def verify_page(page: Page, oracles: Sequence[str] | str = ()) -> Report:
    """Prove every claim and derivation of a page, and compare its facts; ``oracles`` as for ``Derived.verify``."""
    from symdl.prove.equal import prove

    report = Report(page.title)
    for block in page.blocks:
        if isinstance(block, Claim):
            verdict = prove(block.lhs, block.rhs)
            report.checks.append(Check(block.rule.name, verdict.method, verdict.verdict, note="" if verdict.proved else str(verdict)))
        elif isinstance(block, Fact):
            report.checks.append(check_fact(block))
        elif isinstance(block, DerivedBlock):
            report.extend(Derived.verify(block.derivation, oracles))  # type: ignore[arg-type]
    return report


def check_fact(fact: Fact) -> Check:
    """Compare one number with what it should be."""
    if isinstance(fact.expected, (bool, str)) or fact.expected is None:
        good, error = fact.got == fact.expected, None
    else:
        got, expected = np.asarray(fact.got, float), np.asarray(fact.expected, float)
        scale = float(np.max(np.abs(expected))) if expected.size else 0.0
        error = float(np.max(np.abs(got - expected))) / (scale or 1.0) if got.shape == expected.shape else float("nan")
        good = error <= fact.tol
    note = "" if good else f"got {fact.got}, expected {fact.expected}"
    return Check(fact.what, "number", "ok" if good else "FAILED", 1, error, note)


def run_page(page: Page, lang: str = "en") -> int:
    """Print a page as LaTeX and its verification as a table; the exit status is 0 when everything holds."""
    from symdl.render.page import page_latex

    print(page_latex(page, lang))
    report = verify_page(page)
    print(report)
    return 0 if report.ok else 1


__all__ = [
    "Blocks",
    "Derived",
    "Report",
    "SymdlError",
    "Verdict",
    "derive",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "run_page",
    "train",
    "value_and_grad",
    "verify_page",
    "vjp",
]
