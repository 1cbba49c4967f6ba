"""Losses of classes and of yes-no answers. Names and defaults are those of torch.nn.functional.

A class is a whole number in a tensor of its own: its row of a one-hot matrix is equal(k, class), and picking is a sum of products with that row.
"""

from __future__ import annotations

from typing import Any

from symdl.errors import DomainError, ShapeError
from symdl.expr import ops
from symdl.expr.activations import log_softmax
from symdl.expr.ops import logsumexp, softplus, sum_
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.expr.windows import equal, position
from symdl.functions import TABLE
from symdl.model.losses.common import check_reduction, equal_shapes, last_axis, reduced, same_shape
from symdl.model.shapes import along, same_size

#: PyTorch keeps logarithms of probabilities above -100.
_log = TABLE["clamped_log"].sympy


def cross_entropy(input: Any, target: Any, weight: Any = None, ignore_index: int | None = None, reduction: str | None = None, label_smoothing: Any = 0) -> Expr:
    """-Sum target*log(input) of probabilities, or PyTorch's loss of scores: which of the two, the arguments say.

    With two tensors of one shape and nothing else, the input holds probabilities, and the sum runs over all elements: cross_entropy(softmax(z), t).
    With classes as target (one axis less), or with any of the other arguments, it is ``cross_entropy_loss``.

    Parameters
    ----------
    input : Expr
        Probabilities of any shape; or scores, as in :func:`cross_entropy_loss`.
    target : Expr
        Probabilities of the same shape; or classes, one axis less.
    weight, ignore_index, reduction, label_smoothing : optional
        As in :func:`cross_entropy_loss`; any of them makes it that loss.

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.
    DomainError
        When label_smoothing is not in [0, 1].

    References
    ----------
    Goodfellow et al., Deep Learning, sections 3.13 and 6.2.2.3.

    Examples
    --------
    >>> a, t = sd.tensor("a", 2), sd.tensor("t", 2)
    >>> sd.grad(sd.cross_entropy(a, t), a)
    -t/a
    """
    x, t = as_expr(input), as_expr(target)
    asked = weight is not None or ignore_index is not None or reduction is not None or not (isinstance(label_smoothing, int) and label_smoothing == 0)
    if asked or (x.ndim and t.ndim == x.ndim - 1 and _fits_classes(x, t)):
        return cross_entropy_loss(x, t, weight, ignore_index, "mean" if reduction is None else reduction, label_smoothing)
    return ops.cross_entropy(x, t)


def cross_entropy_loss(input: Any, target: Any, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean", label_smoothing: Any = 0) -> Expr:
    """The mean of -log softmax(input)[target] over the samples.

    Parameters
    ----------
    input : Expr, shape (C,) or (N, C) or (N, C, d1, ...)
        Scores of the classes (logits).
    target : Expr
        The class of each sample, whole numbers from 0, of the shape without the axis C; or probabilities, of the shape of the input.
    weight : Expr, shape (C,), optional
        Of the classes. The mean over samples with classes is then weighted too.
    ignore_index : int, optional
        Samples of this class do not count. (PyTorch's -100 is not assumed: give it where targets hold it.)
    reduction : {"mean", "sum", "none"}
        Over the samples; "none": one loss a sample.
    label_smoothing : number in [0, 1]
        That part of each target is spread evenly over all classes (Szegedy et al. 2016).

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.
    DomainError
        When label_smoothing is not in [0, 1].

    Notes
    -----
    torch.nn.functional.cross_entropy. The derivative by the scores is softmax(input) - target, for one sample.

    References
    ----------
    Goodfellow et al., Deep Learning, section 6.2.2.3.

    Examples
    --------
    >>> z, c = sd.tensor("z", 1, 3), sd.tensor("c", 1)
    >>> round(sd.evaluate(sd.cross_entropy_loss(z, c), z=[[0, 0, 0]], c=[2]), 4)
    1.0986
    """
    check_reduction("cross_entropy", reduction)
    x, t = as_expr(input), as_expr(target)
    axis = _class_axis("cross_entropy", x)
    if isinstance(label_smoothing, (int, float)) and not 0 <= label_smoothing <= 1:
        raise DomainError(f"cross_entropy: label_smoothing is {label_smoothing}, and must lie between 0 and 1")
    smooth = as_expr(label_smoothing)
    w = _weights("cross_entropy", weight, x, axis)
    size = as_expr(x.shape[axis])
    if equal_shapes(x, t):
        shares = t * (1 - smooth) + smooth / size
        losses = sum_((shares if w is None else shares * w) * (logsumexp(x, axis=axis, keepdims=True) - x), axis=axis)
        return reduced("cross_entropy", losses, reduction)
    chosen = _one_hot("cross_entropy", x, t, axis)
    total, mine = logsumexp(x, axis=axis), sum_(chosen * x if w is None else chosen * w * x, axis=axis)
    own = None if w is None else sum_(chosen * w, axis=axis)
    losses = (total if own is None else own * total) - mine
    if smooth != as_expr(0):
        even = -sum_(log_softmax(x, axis=axis) if w is None else w * log_softmax(x, axis=axis), axis=axis)
        losses = (1 - smooth) * losses + smooth / size * even
    return _reduced_by_class("cross_entropy", losses, own, t, ignore_index, reduction)


def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean") -> Expr:
    """The mean of -weight[target]*input[target], where the input holds log-probabilities.

    Parameters
    ----------
    input : Expr, shape (C,) or (N, C) or (N, C, d1, ...)
        Log-probabilities of the classes.
    target : Expr
        The class of each sample, whole numbers from 0, of the shape without the axis C.
    weight : Expr, shape (C,), optional
        Of the classes. The mean over samples with classes is then weighted too.
    ignore_index : int, optional
        Samples of this class do not count. (PyTorch's -100 is not assumed: give it where targets hold it.)
    reduction : {"mean", "sum", "none"}
        Over the samples; "none": one loss a sample.

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.nll_loss.

    Examples
    --------
    >>> z, c = sd.tensor("z", 1, 3), sd.tensor("c", 1)
    >>> sd.evaluate(sd.nll_loss(z, c), z=[[-1, -2, -3]], c=[2])
    3.0
    """
    check_reduction("nll_loss", reduction)
    x, c = as_expr(input), as_expr(target)
    axis = _class_axis("nll_loss", x)
    w = _weights("nll_loss", weight, x, axis)
    chosen = _one_hot("nll_loss", x, c, axis)
    losses = -sum_(chosen * x if w is None else chosen * w * x, axis=axis)
    return _reduced_by_class("nll_loss", losses, None if w is None else sum_(chosen * w, axis=axis), c, ignore_index, reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Expr:
    """The mean of -(target*log(input) + (1 - target)*log(1 - input)), logarithms kept above -100.

    Parameters
    ----------
    input, target : Expr, of the same shape
        Probabilities.
    weight : Expr, optional
        Broadcasts to the input.
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.binary_cross_entropy. At an input of 0 or 1, where the logarithm is cut off, its derivative is 0 (PyTorch divides by
    1e-12 there).

    References
    ----------
    Goodfellow et al., Deep Learning, section 6.2.2.2.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> round(sd.evaluate(sd.binary_cross_entropy(x, t), x=[0.5, 0.5], t=[0, 1]), 4)
    0.6931
    """
    x, y = same_shape("binary_cross_entropy", input, target)
    losses = -(y * _log(x) + (1 - y) * _log(1 - x))
    return reduced("binary_cross_entropy", _weighed("binary_cross_entropy", losses, weight), reduction)


def binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> Expr:
    """The mean of softplus(input) - target*input: the binary cross-entropy of sigmoid(input).

    Parameters
    ----------
    input, target : Expr, of the same shape
        Scores (logits), and probabilities.
    weight : Expr, optional
        Broadcasts to the input.
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.
    pos_weight : Expr, optional
        Weight of the positive answers; broadcasts to the input, e.g. one for each class.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.binary_cross_entropy_with_logits. The derivative by the input is (sigmoid(input) - target)/(number of elements).

    References
    ----------
    Goodfellow et al., Deep Learning, section 6.2.2.2.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> round(sd.evaluate(sd.binary_cross_entropy_with_logits(x, t), x=[0, 1000], t=[0, 1]), 4)
    0.3466
    """
    name = "binary_cross_entropy_with_logits"
    x, y = same_shape(name, input, target)
    if pos_weight is None:
        losses = softplus(x) - y * x
    else:
        losses = _weighed(name, y * softplus(-x), pos_weight) + (1 - y) * softplus(x)
    return reduced(name, _weighed(name, losses, weight), reduction)


def _weighed(loss: str, losses: Expr, weight: Any) -> Expr:
    if weight is None:
        return losses
    found = losses * weight
    if found.shape != losses.shape:
        raise ShapeError(f"{loss}: the weight {describe(as_expr(weight))} must broadcast to the shape of the input")
    return found


# --- classes --------------------------------------------------------------------------------------------------


def _class_axis(loss: str, x: Expr) -> int:
    """The axis of classes: the only one, or the second."""
    last_axis(loss, x)
    return 0 if x.ndim == 1 else 1


def _fits_classes(x: Expr, c: Expr) -> bool:
    axis = 0 if x.ndim == 1 else 1
    rest = [n for k, n in enumerate(x.shape) if k != axis]
    return c.ndim == len(rest) and all(same_size(m, n) for m, n in zip(c.shape, rest, strict=True))


def _one_hot(loss: str, x: Expr, c: Expr, axis: int) -> Expr:
    """1 at each sample's class, in the shape of x."""
    if not _fits_classes(x, c):
        raise ShapeError(f"{loss} of {describe(x)} and {describe(c)}: the target holds a class for each sample (the shape without axis {axis})")
    places = along(position(x.shape[axis]), axis, x.ndim)
    return equal(places, c[tuple(slice(None) if k < axis else None if k == axis else slice(None) for k in range(x.ndim))])


def _weights(loss: str, weight: Any, x: Expr, axis: int) -> Expr | None:
    if weight is None:
        return None
    w = as_expr(weight)
    if w.ndim != 1 or not same_size(w.shape[0], x.shape[axis]):
        raise ShapeError(f"{loss} of {describe(x)}: the weight {describe(w)} must hold a number for each class")
    return along(w, axis, x.ndim)


def _reduced_by_class(loss: str, losses: Expr, own: Expr | None, c: Expr, ignore: int | None, reduction: str) -> Expr:
    """The mean divides by the weights of the samples that count."""
    if ignore is None:
        return reduced(loss, losses, reduction, None if own is None else _total(own))
    kept = 1 - equal(c, ignore)
    return reduced(loss, losses * kept, reduction, _total(kept if own is None else kept * own))


def _total(value: Expr) -> Expr:
    return sum_(value) if value.shape else value
