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
from symdl.functions.given import shown
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
    """A derivation that can prove, check, print and save itself: what :func:`derive` gives.

    Indexing gives a gradient by tensor or by name; a plain SymPy loss is answered with plain SymPy expressions. ``print(d)`` writes the whole
    derivation out, with the rule of every step; ``len(d)``, ``for name in d`` and ``d.items()`` are those of a dict of the gradients.

    Attributes
    ----------
    loss : Expr
        What was differentiated.
    wrt : dict
        Name -> Expr, what it was differentiated by.
    gradients : mapping
        Name -> Expr, each of its parameter's shape.
    tell : callable
        Gives names, forward results and lines when somebody looks: see ``forward``, ``lines``, ``steps``.
    in_kind : callable
        Gives a gradient as the loss was given: an Expr, or a SymPy expression.
    views : mapping
        For elements and transposes that were asked for: their text -> the tensor's name, and how to look at its gradient.
    structure : optional
        What was given to :func:`derive`.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> d = sd.derive(sd.sigmoid(x**2), x)
    >>> [step.rule.name for step in d.steps]
    ['derivative of the sigmoid', 'chain rule', 'power rule', 'chain rule']
    >>> print(d["x"])
    2*x * sigmoid(x**2) * (1 - sigmoid(x**2))
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

        Parameters
        ----------
        oracles : sequence of str, or "all"
            Which numeric derivatives are asked: "tape", "torch", "jax", "complex", "differences"; the first two when nothing is said.
        time_budget : float
            Seconds of computing for all of it; what it leaves no time for is UNKNOWN, or skipped, and says so.

        Returns
        -------
        Report
            A line for every gradient, every numeric check and every step; ``report.ok`` when all hold.

        Raises
        ------
        NameError_
            When there is no oracle of a name.
        MissingExtraError
            When an oracle that is asked for is not installed.

        Examples
        --------
        >>> x = sd.tensor("x", 3)
        >>> sd.derive(sd.sum(x**2), x).verify(oracles="tape").ok
        True
        """
        from symdl.prove.stop import Clock
        from symdl.prove.verify import verify_gradients, verify_steps

        clock = Clock(time_budget)
        report = Report(f"derivation of d{self.loss_name}/d({', '.join(self.wrt)})")
        report.extend(verify_gradients(self.loss, self.gradients, self.wrt, structure=self.structure, oracles=oracles, clock=clock))
        report.extend(verify_steps(self.steps, clock=clock))
        return report

    def latex(self, lang: str = "en") -> str:
        """The derivation as LaTeX.

        Parameters
        ----------
        lang : {"en", "zh"}

        Returns
        -------
        str

        Raises
        ------
        UnsupportedError
            For any other language.
        """
        from symdl.render.derivation import derivation_latex

        return derivation_latex(self, lang)

    def html(self, lang: str = "en") -> str:
        """The derivation as one HTML page that needs nothing else.

        Parameters
        ----------
        lang : {"en", "zh"}

        Returns
        -------
        str

        Raises
        ------
        UnsupportedError
            For any other language.
        """
        from symdl.render.html import derivation_html

        return derivation_html(self, lang)

    def save(self, path: str | Path, lang: str = "en") -> Path:
        """Write the derivation to a file; the ending says how.

        Parameters
        ----------
        path : path
            Ends in .html, .tex (a document to compile), .md (as GitHub shows mathematics), .txt or .svg (the computational graph).
        lang : {"en", "zh"}

        Returns
        -------
        Path

        Raises
        ------
        UnsupportedError
            For any other ending or language.
        DataError
            When the file cannot be written.
        """
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

    Notes
    -----
    Reverse mode: one sweep from the loss to the parameters, chain rule at every node.

    References
    ----------
    Rumelhart, Hinton and Williams 1986; Griewank and Walther, Evaluating Derivatives, section 3.2.

    Examples
    --------
    >>> loss = sd.parse("sum((X @ w - y)**2)", X="n,p", w="p", y="n")
    >>> d = sd.derive(loss, "w")
    >>> d["w"]
    2*X.T @ (X @ w - y)
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
    """The gradient of a scalar.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    wrt : tensor, name, SymPy Symbol or Indexed, explicit Matrix of symbols, or a list of these
    structure : "symmetric", "diagonal", "full", or a dict of these by name, optional
        As for :func:`derive`.

    Returns
    -------
    Expr, or SymPy expression
        Of the parameter's shape; for a list, a dict by name; for an explicit Matrix of symbols, such a Matrix. Of a SymPy loss a SymPy expression.

    Raises
    ------
    NameError_, ShapeError
        When a name does not occur in the loss, or the loss is no scalar.

    Notes
    -----
    jax.grad and torch.autograd.grad, as formulas. At kinks the policy of each function holds: see its Notes.

    Examples
    --------
    >>> A, x = sd.tensor("A", "n", "n"), sd.tensor("x", "n")
    >>> sd.grad(x @ A @ x, x)
    (A + A.T) @ x
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
    """One function for the numbers of a loss and its gradients.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    wrt : tensor, name, SymPy Symbol, or a list of these
    backend : str
        "auto", "numpy", "native" or a name that ``symdl.extend.backend`` added, see :func:`lambdify`.
    dtype : {"float64", "float32"} or a type of NumPy, optional
        In which floats it computes: 64 bits unless 32 are asked for.

    Returns
    -------
    callable
        g(**arrays) -> (loss, {name: gradient}): inputs by keyword; a float, and arrays of the parameters' shapes.

    Raises
    ------
    NameError_, ShapeError
        When a name does not occur in the loss, or the loss is no scalar.
    DataError, DomainError (when called)
        For values missing, of the wrong shape or not finite, and for results that are not finite.

    Notes
    -----
    jax.value_and_grad. What loss and gradients share is computed once.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> g = sd.value_and_grad(sd.sum(x**2), x)
    >>> g(x=[1, 2])
    (5.0, {'x': array([2., 4.])})
    """
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
    progress: bool | None = None,
    order: str | Callable[[int], Any] | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    callback: Callable[[int, float, dict[str, Any]], Any] | None = None,
    dtype: Any = None,
    hoist: str | bool = "auto",
    **settings: float,
) -> Any:
    """Fit parameters to data by gradient descent and its relatives.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    params : mapping
        Name, or tensor -> initial value: what is fitted. Not modified.
    data : mapping
        Name, or tensor -> array, for all other tensors of the loss. Not modified.
    lr : float
        The learning rate, above 0.
    epochs : int
        How often all samples are seen.
    batch : int, optional
        Samples a step; without it every step sees all. The last batch of an epoch may be smaller. A loss that is a mean over n
        is a mean over the batch.
    method : {"gd", "momentum", "adam"}
    backend : str
        "auto" compiles the whole loop (see ``symdl.lower.native``) where a compiler is there and the work is worth it, else NumPy takes the steps.
    seed : int
        Of the order of the samples.
    progress : bool, optional
        Whether to show a bar of steps with rate and time left (needs tqdm); unless told, when stderr is a terminal and tqdm is there.
    order : {"shuffled", "given"} or callable, optional
        The order of the samples: shuffled anew in every epoch, as they stand, or what a function of the epoch's number (from 0) gives.
    checkpoint : path, optional
        An npz file that is written at the start, every second, and when training stops, be it by the end, an error, Ctrl-C or kill.
    resume : bool
        Go on from the checkpoint, if the file is there; one of another formula, method or batch is refused. The result is bit for bit that of a run
        without interruption.
    callback : callable, optional
        callback(epoch, loss, params) after every epoch, epochs from 1; training stops when it gives True.
    dtype : {"float64", "float32"} or a type of NumPy, optional
        Of parameters, data and steps: 64 bits unless 32 are asked for, whatever comes in. In 32 bits NumPy takes the steps.
    hoist : {"auto", True, False}
        Where every step sees all samples: what depends on data alone is computed once, and samples that enter by squares and products only are rotated
        into a few rows (see ``symdl.lower.hoist``); with batches too, where there are more features than samples: these are kept in the directions that
        the samples span. "auto" does so where it saves operations; the result's ``plan`` says what was done.
    **settings : float
        mu (0.9) for momentum; beta1 (0.9), beta2 (0.999), eps (1e-8) for adam.

    Returns
    -------
    TrainResult
        ``params`` (name -> array), ``history`` (a mean loss an epoch), ``seconds`` (of wall time), ``backend``, ``plan``.

    Raises
    ------
    DataError, NameError_, DomainError
        For settings out of range, data missing, empty, not finite or of the wrong shape, and unknown names.
    DivergenceError
        When a loss or a parameter is not finite, or the loss has been growing beyond doubt: it names step and quantity, and has the last good parameters.
    MissingExtraError
        When ``progress=True`` and tqdm is not installed.

    Notes
    -----
    gd: x <- x - lr*g (Cauchy 1847). momentum: v <- mu*v + g, x <- x - lr*v (Polyak 1964, in PyTorch's form). adam: Kingma and Ba 2015, algorithm 1.
    torch.optim.SGD and torch.optim.Adam take the same steps.

    Examples
    --------
    >>> loss = sd.parse("mean((X @ w - y)**2)", X="n,p", w="p", y="n")
    >>> result = sd.train(loss, {"w": [0, 0]}, {"X": [[1, 0], [0, 1]], "y": [3, 5]}, lr=0.5, epochs=50)
    >>> result.params["w"].round(4)
    array([3., 5.])
    """
    from symdl.train.loop import fit_loop
    from symdl.train.settings import by_name

    start, given = by_name("params", params), by_name("data", data)
    if not start:
        raise DataError("train: params is empty: give each parameter's name and its initial value")
    derived = derive(loss, list(start))
    return fit_loop(
        derived.loss,
        derived.gradients,
        start,
        given,
        lr=lr,
        epochs=epochs,
        batch=batch,
        method=method,
        backend=backend,
        seed=seed,
        progress=progress,
        order=order,
        checkpoint=checkpoint,
        resume=resume,
        callback=callback,
        dtype=dtype,
        hoist=hoist,
        **settings,
    )


def verify_page(page: Page, oracles: Sequence[str] | str = ()) -> Report:
    """Prove every claim and derivation of a page, and compare its facts.

    Parameters
    ----------
    page : Page
    oracles : sequence of str, or "all"
        Which numeric derivatives its derivations are compared with, as in ``Derived.verify``.

    Returns
    -------
    Report
        A line for every claim, fact, gradient and step.

    Raises
    ------
    NameError_
        When there is no oracle of a name.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> page = sd.Page("Squares").claim("binomial formula", (x + 1)**2, x**2 + 2*x + 1)
    >>> sd.verify_page(page).verdict
    'PROVED'
    """
    from symdl.prove.equal import prove

    report = Report(_page(page).title)
    for block in page.blocks:
        if isinstance(block, Claim):
            verdict = prove(block.lhs, block.rhs)
            report.checks.append(Check(block.rule.name, verdict.method, verdict.verdict, note="" if verdict.proved else str(verdict)))
        elif isinstance(block, Fact):
            report.checks.append(check_fact(block))
        elif isinstance(block, DerivedBlock):
            report.extend(Derived.verify(block.derivation, oracles))  # type: ignore[arg-type]
    return report


def _page(page: Any) -> Page:
    if not isinstance(page, Page):
        raise DataError(f"{shown(page)} is not a page of derivations: make one with sd.Page")
    return page


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
    r"""Print a page as LaTeX, and its verification as a table.

    Parameters
    ----------
    page : Page
    lang : {"en", "zh"}

    Returns
    -------
    int
        The exit status of a script: 0 when everything holds, else 1.

    Raises
    ------
    UnsupportedError
        For any other language.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> page = sd.Page("Squares").claim("power of a power", (x**2)**2, x**4)
    >>> sd.run_page(page)
    \section*{Squares}
    <BLANKLINE>
    \begin{align*}
    x^{4} &= x^{4} && \text{power of a power}
    \end{align*}
    <BLANKLINE>
    Squares
    what              how                             points  largest error  verdict
    ----------------  ------------------------------  ------  -------------  -------
    power of a power  canonical form, for every size                         PROVED
    1 of 1 hold: PROVED
    0
    """
    from symdl.render.page import page_latex

    print(page_latex(_page(page), lang))
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
