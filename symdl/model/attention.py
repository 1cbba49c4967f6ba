"""Attention (Vaswani et al. 2017, section 3.2), with the parameter layout of torch.nn.

Batches come first: queries (..., L, E), keys and values (..., S, E).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.expr.ops import exp, log, softmax, sqrt, sum_
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.windows import position, reshape
from symdl.functions.given import flag
from symdl.graph.node import Size
from symdl.model.linear import with_bias
from symdl.model.shapes import need, need_shape, same_size, share


def causal(length: Size, sources: Size) -> Expr:
    """1 where position j <= i, else 0, shape (length, sources): nobody looks ahead."""
    return elementwise("positive", position(length)[:, None] - position(sources) + 1)


def masked_softmax(z: Any, keep: Any, axis: int = -1) -> Expr:
    """exp(z)/Sum exp(z) over those elements of an axis where ``keep`` is 1; 0 elsewhere.

    Parameters
    ----------
    z : Expr
    keep : Expr, a shape that broadcasts to z's
        0 or 1, and 1 somewhere along the axis.
    axis : int

    Returns
    -------
    Expr
        Of z's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError (when evaluated)
        When nothing is kept.

    Notes
    -----
    torch.softmax of z with -inf where keep is 0.

    Examples
    --------
    >>> z, keep = sd.tensor("z", 3), sd.tensor("keep", 3)
    >>> sd.evaluate(sd.masked_softmax(z, keep), z=[0, 0, 9], keep=[1, 1, 0])
    array([0.5, 0.5, 0. ])
    """
    value, kept = as_expr(z), as_expr(keep)
    total = sum_(kept * exp(value), axis=axis, keepdims=True)
    return kept * exp(value - log(total))


def attention_weights(Q: Any, K: Any, mask: Any = None, keep: Any = None, is_causal: bool = False, scale: Any = None) -> Expr:
    """softmax(scale*Q K' + mask) over the keys: how much every query looks at every key.

    Parameters
    ----------
    Q : Expr, shape (..., L, E)
    K : Expr, shape (..., S, E)
    mask : Expr, a shape that broadcasts to (..., L, S), optional
        Added to the scores: torch's mask of floats. It must be finite where it is symbolic; see keep.
    keep : Expr, a shape that broadcasts to (..., L, S), optional
        Positive where a key takes part, 0 where not: torch's mask of booleans. A query that keeps no key has no value.
    is_causal : bool
        Only keys at positions j <= i take part.
    scale : number or scalar Expr, optional
        1/sqrt(E) when not given.

    Returns
    -------
    Expr, shape (..., L, S)
        Rows sum to 1.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    The weights of :func:`scaled_dot_product_attention`.

    References
    ----------
    Vaswani et al. 2017, equation 1.

    Examples
    --------
    >>> Q, K = sd.tensor("Q", 1, 2), sd.tensor("K", 2, 2)
    >>> sd.evaluate(sd.attention_weights(Q, K), Q=[[0, 0]], K=[[1, 2], [3, 4]])
    array([[0.5, 0.5]])
    """
    q, k = as_expr(Q), as_expr(K)
    need(q.ndim >= 2 and k.ndim >= 2, "scaled_dot_product_attention", [q, k], "Q must have the shape (..., L, E) and K the shape (..., S, E)")
    need(
        same_size(q.shape[-1], k.shape[-1]),
        "scaled_dot_product_attention",
        [q, k],
        f"the queries have {q.shape[-1]} features and the keys {k.shape[-1]}; they must have as many",
    )
    order = (*range(k.ndim - 2), k.ndim - 1, k.ndim - 2)
    scores = (q @ k.transpose(*order)) * (as_expr(scale) if scale is not None else 1 / sqrt(as_expr(sp.sympify(q.shape[-1]))))
    if mask is not None:
        scores = scores + as_expr(mask)
    kept = _kept(keep, is_causal, q.shape[-2], k.shape[-2])
    return softmax(scores) if kept is None else masked_softmax(scores, kept)


def _kept(keep: Any, is_causal: bool, length: Size, sources: Size) -> Expr | None:
    parts = [] if keep is None else [elementwise("positive", as_expr(keep))]
    if flag("attention", "is_causal", is_causal):
        parts.append(causal(length, sources))
    return None if not parts else parts[0] if len(parts) == 1 else parts[0] * parts[1]


def scaled_dot_product_attention(Q: Any, K: Any, V: Any, mask: Any = None, is_causal: bool = False, scale: Any = None, keep: Any = None) -> Expr:
    """softmax(Q K'/sqrt(E) + mask) V.

    Parameters
    ----------
    Q : Expr, shape (..., L, E)
    K : Expr, shape (..., S, E)
    V : Expr, shape (..., S, F)
    mask : Expr, a shape that broadcasts to (..., L, S), optional
        Added to the scores: torch's mask of floats. It must be finite where it is symbolic; see keep.
    is_causal : bool
        Only keys at positions j <= i take part.
    scale : number or scalar Expr, optional
        1/sqrt(E) when not given.
    keep : Expr, a shape that broadcasts to (..., L, S), optional
        Positive where a key takes part, 0 where not: torch's mask of booleans. A query that keeps no key has no value.

    Returns
    -------
    Expr, shape (..., L, F)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.scaled_dot_product_attention.

    References
    ----------
    Vaswani et al. 2017, equation 1.

    Examples
    --------
    >>> Q, K, V = (sd.tensor(s, "L", "E") for s in "QKV")
    >>> sd.scaled_dot_product_attention(Q, K, V)
    softmax((Q @ K.T)/sqrt(E), axis=1) @ V
    """
    weights, value = attention_weights(Q, K, mask, keep, is_causal, scale), as_expr(V)
    need(
        value.ndim >= 2 and same_size(value.shape[-2], weights.shape[-1]),
        "scaled_dot_product_attention",
        [as_expr(K), value],
        f"there are {weights.shape[-1]} keys; V must have the shape (..., {weights.shape[-1]}, F)",
    )
    return weights @ value


def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    heads: Any,
    in_proj_weight: Any,
    in_proj_bias: Any = None,
    out_proj_weight: Any = None,
    out_proj_bias: Any = None,
    mask: Any = None,
    is_causal: bool = False,
    keep: Any = None,
) -> Expr:
    """Attention in several heads side by side, with projections of queries, keys, values and results.

    Parameters
    ----------
    query, key, value : Expr, shapes (..., L, E), (..., S, E), (..., S, E)
    heads : int or size
        E must be a multiple: with symbolic sizes, heads*d.
    in_proj_weight : Expr, shape (3*E, E)
        The projections of queries, keys and values below one another; head a owns the rows a*d, ..., a*d + d - 1 of each.
    in_proj_bias : Expr, shape (3*E,), optional
    out_proj_weight : Expr, shape (E, E), optional
        No projection of the heads' results when not given.
    out_proj_bias : Expr, shape (E,), optional
    mask, is_causal, keep
        As in :func:`scaled_dot_product_attention`, of shape (L, S), (..., L, S), or with an axis of heads (..., heads, L, S).

    Returns
    -------
    Expr, shape (..., L, E)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.MultiheadAttention with batch_first, without dropout.

    References
    ----------
    Vaswani et al. 2017, section 3.2.2.

    Examples
    --------
    >>> x, W = sd.tensor("x", "L", 4), sd.tensor("W", 12, 4)
    >>> sd.multi_head_attention(x, x, x, 2, W).shape
    (L, 4)
    """
    given = [as_expr(v) for v in (query, key, value)]
    layer = "multi_head_attention"
    need(all(v.ndim == given[0].ndim >= 2 for v in given), layer, given, "query, key and value must have the shapes (..., L, E), (..., S, E), (..., S, E)")
    width = given[0].shape[-1]
    need(all(same_size(v.shape[-1], width) for v in given), layer, given, "query, key and value must have as many features")
    each = share(width, heads, layer, "the number of features")
    weight = as_expr(in_proj_weight)
    need_shape(layer, weight, (3 * width, width), "in_proj_weight")
    bias = None if in_proj_bias is None else as_expr(in_proj_bias)
    if bias is not None:
        need_shape(layer, bias, (3 * width,), "in_proj_bias")
    Q, K, V = (_head_axes(x, weight, bias, part, (heads, each, width)) for part, x in enumerate(given))
    ndim = given[0].ndim + 1
    mixed = scaled_dot_product_attention(Q, K, V, _over_heads(mask, ndim), is_causal, None, _over_heads(keep, ndim))
    return _joined(mixed, out_proj_weight, out_proj_bias, (heads, each, width))


def _head_axes(x: Expr, weight: Expr, bias: Expr | None, part: int, sizes: tuple[Any, Any, Any]) -> Expr:
    """x projected, shape (..., heads, L, d): it is the weight whose rows are split, as that is the shorter formula."""
    heads, each, width = sizes
    rows = slice(part * width, (part + 1) * width)
    split = reshape(weight[rows], heads, each, width)
    z = x[(*[slice(None)] * (x.ndim - 2), None)] @ split.transpose(0, 2, 1)
    return z if bias is None else z + reshape(bias[rows], heads, 1, each)


def _over_heads(mask: Any, ndim: int) -> Expr | None:
    """A mask without an axis of heads is the same for all of them."""
    if mask is None:
        return None
    found = as_expr(mask)
    return found[(*[slice(None)] * (found.ndim - 2), None)] if 2 < found.ndim < ndim else found


def _joined(mixed: Expr, weight: Any, bias: Any, sizes: tuple[Any, Any, Any]) -> Expr:
    """The heads' results (..., heads, L, d) side by side, projected."""
    heads, each, width = sizes
    layer = "multi_head_attention"
    n = mixed.ndim
    if weight is None:
        side = mixed.transpose(*range(n - 3), n - 2, n - 3, n - 1)
        return with_bias(reshape(side, *side.shape[:-2], width), bias, width, layer)
    projection = as_expr(weight)
    need_shape(layer, projection, (width, width), "out_proj_weight")
    split = reshape(projection, width, heads, each)
    z = sum_(mixed @ split.transpose(1, 2, 0), axis=n - 3)
    return with_bias(z, bias, width, layer)
