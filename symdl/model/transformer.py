"""Transformer blocks (Vaswani et al. 2017, section 3; norms first: Xiong et al. 2020), parameters by the names of torch.nn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdl.errors import DataError, NameError_
from symdl.expr.dims import as_size
from symdl.expr.tensor import Expr, as_expr, tensor
from symdl.functions.given import shown
from symdl.model.attention import multi_head_attention
from symdl.model.layers import Activation, activate
from symdl.model.linear import linear
from symdl.model.normalization import EPS, layer_norm
from symdl.model.shapes import plain

Params = Mapping[str, Any]


def attention_parameters(width: Any, prefix: str = "", bias: bool = True) -> dict[str, Expr]:
    """The parameters of multi-head attention, by torch.nn.MultiheadAttention's names.

    Parameters
    ----------
    width : int or size
        The number of features E.
    prefix : str
        Before the tensors' names, e.g. "self_attn."; the keys are without.
    bias : bool
        Whether there are biases.

    Returns
    -------
    dict
        "in_proj_weight" (3*E, E), "out_proj.weight" (E, E), and "in_proj_bias" (3*E,), "out_proj.bias" (E,).

    Raises
    ------
    ShapeError
        When the width cannot be a size.
    NameError_
        When the prefix cannot begin a name.

    References
    ----------
    Vaswani et al. 2017, section 3.2.2.

    Examples
    --------
    >>> {name: w.shape for name, w in sd.attention_parameters(4, bias=False).items()}
    {'in_proj_weight': (12, 4), 'out_proj.weight': (4, 4)}
    """
    shapes: dict[str, tuple[Any, ...]] = {"in_proj_weight": (plain(3 * _size(width)), width), "out_proj.weight": (width, width)}
    if bias:
        shapes |= {"in_proj_bias": (plain(3 * _size(width)),), "out_proj.bias": (width,)}
    return _tensors(shapes, prefix)


def _size(width: Any) -> Any:
    return as_size(width, "the width of a transformer")


def _tensors(shapes: Mapping[str, tuple[Any, ...]], prefix: str) -> dict[str, Expr]:
    if not isinstance(prefix, str):
        raise NameError_(f"the prefix of the parameters' names is {shown(prefix)}, and must be a text")
    return {name: tensor(prefix + name, *shape) for name, shape in shapes.items()}


def encoder_parameters(width: Any, hidden: Any, prefix: str = "") -> dict[str, Expr]:
    """The parameters of an encoder block by torch's names ("self_attn.in_proj_weight", "linear1.weight", "norm1.bias", ...).

    Parameters
    ----------
    width : int or size
        The number of features E.
    hidden : int or size
        The number of hidden units of the dense layers.
    prefix : str
        Before the tensors' names, e.g. "layers.0."; the keys are without.

    Returns
    -------
    dict
        Name -> tensor: those of attention, of two dense layers and of two norms.

    Raises
    ------
    ShapeError
        When the width cannot be a size.
    NameError_
        When the prefix cannot begin a name.

    Notes
    -----
    The names of torch.nn.TransformerEncoderLayer.named_parameters().

    References
    ----------
    Vaswani et al. 2017, section 3.1.

    Examples
    --------
    >>> params = sd.encoder_parameters(4, 8)
    >>> len(params), params["linear1.weight"].shape
    (12, (8, 4))
    """
    return _block_parameters(width, hidden, prefix, ["self_attn"])


def decoder_parameters(width: Any, hidden: Any, prefix: str = "") -> dict[str, Expr]:
    """The parameters of a decoder block by torch's names ("self_attn.in_proj_weight", "multihead_attn.out_proj.bias", ...).

    Parameters
    ----------
    width : int or size
        The number of features E.
    hidden : int or size
        The number of hidden units of the dense layers.
    prefix : str
        Before the tensors' names, e.g. "layers.0."; the keys are without.

    Returns
    -------
    dict
        Name -> tensor: those of two attentions, of two dense layers and of three norms.

    Raises
    ------
    ShapeError
        When the width cannot be a size.
    NameError_
        When the prefix cannot begin a name.

    Notes
    -----
    The names of torch.nn.TransformerDecoderLayer.named_parameters().

    References
    ----------
    Vaswani et al. 2017, section 3.1.

    Examples
    --------
    >>> params = sd.decoder_parameters(4, 8)
    >>> len(params), params["norm3.weight"].shape
    (18, (4,))
    """
    return _block_parameters(width, hidden, prefix, ["self_attn", "multihead_attn"])


def _block_parameters(width: Any, hidden: Any, prefix: str, attentions: list[str]) -> dict[str, Expr]:
    params = _tensors({}, prefix)
    for name in attentions:
        params |= {f"{name}.{k}": v for k, v in attention_parameters(width, f"{prefix}{name}.").items()}
    params |= _tensors({"linear1.weight": (hidden, width), "linear1.bias": (hidden,), "linear2.weight": (width, hidden), "linear2.bias": (width,)}, prefix)
    for k in range(1, len(attentions) + 2):
        params |= _tensors({f"norm{k}.weight": (width,), f"norm{k}.bias": (width,)}, prefix)
    return params


def transformer_encoder_layer(
    x: Any,
    params: Params,
    heads: Any,
    activation: Activation = "relu",
    norm_first: bool = False,
    eps: Any = EPS,
    mask: Any = None,
    is_causal: bool = False,
    keep: Any = None,
) -> Expr:
    """Self-attention and two dense layers, each with a residual connection and a layer norm.

    Parameters
    ----------
    x : Expr, shape (..., L, E)
    params : mapping
        Of :func:`encoder_parameters`; biases, and weights and biases of the norms, may be missing.
    heads : int or size
        E must be a multiple: with symbolic sizes, heads*d.
    activation : str, callable or None
        "relu" or "gelu" in torch.
    norm_first : bool
        Norms before attention and dense layers instead of after the sums.
    eps : number or scalar Expr
        Of the norms.
    mask, is_causal, keep
        As in :func:`scaled_dot_product_attention`.

    Returns
    -------
    Expr, shape (..., L, E)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    NameError_
        When a parameter is missing, or the activation is unknown.
    DataError
        When params is no mapping.

    Notes
    -----
    torch.nn.TransformerEncoderLayer with batch_first, without dropout.

    References
    ----------
    Vaswani et al. 2017, section 3.1; norms first: Xiong et al. 2020.

    Examples
    --------
    >>> x = sd.tensor("x", "L", 4)
    >>> sd.transformer_encoder_layer(x, sd.encoder_parameters(4, 8), heads=2).shape
    (L, 4)
    """
    return _block(
        as_expr(x),
        params,
        [
            lambda z: _attend(z, z, params, "self_attn", heads, mask, is_causal, keep),
            lambda z: _feed_forward(z, params, activation),
        ],
        norm_first,
        eps,
    )


def transformer_decoder_layer(
    x: Any,
    memory: Any,
    params: Params,
    heads: Any,
    activation: Activation = "relu",
    norm_first: bool = False,
    eps: Any = EPS,
    mask: Any = None,
    is_causal: bool = False,
    keep: Any = None,
    memory_mask: Any = None,
    memory_keep: Any = None,
) -> Expr:
    """Self-attention, attention to the encoder's result, and two dense layers, each with a residual connection and a norm.

    Parameters
    ----------
    x : Expr, shape (..., L, E)
    memory : Expr, shape (..., S, E)
        The encoder's result.
    params : mapping
        Of :func:`decoder_parameters`; biases, and weights and biases of the norms, may be missing.
    heads : int or size
        E must be a multiple: with symbolic sizes, heads*d.
    activation : str, callable or None
        "relu" or "gelu" in torch.
    norm_first : bool
        Norms before attention and dense layers instead of after the sums.
    eps : number or scalar Expr
        Of the norms.
    mask, is_causal, keep
        As in :func:`scaled_dot_product_attention`.
    memory_mask, memory_keep
        The masks of the second attention.

    Returns
    -------
    Expr, shape (..., L, E)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    NameError_
        When a parameter is missing, or the activation is unknown.
    DataError
        When params is no mapping.

    Notes
    -----
    torch.nn.TransformerDecoderLayer with batch_first, without dropout.

    References
    ----------
    Vaswani et al. 2017, section 3.1; norms first: Xiong et al. 2020.

    Examples
    --------
    >>> x, memory = sd.tensor("x", "L", 4), sd.tensor("memory", "S", 4)
    >>> sd.transformer_decoder_layer(x, memory, sd.decoder_parameters(4, 8), heads=2, is_causal=True).shape
    (L, 4)
    """
    source = as_expr(memory)
    return _block(
        as_expr(x),
        params,
        [
            lambda z: _attend(z, z, params, "self_attn", heads, mask, is_causal, keep),
            lambda z: _attend(z, source, params, "multihead_attn", heads, memory_mask, False, memory_keep),
            lambda z: _feed_forward(z, params, activation),
        ],
        norm_first,
        eps,
    )


def _block(x: Expr, params: Params, parts: list[Any], norm_first: bool, eps: Any) -> Expr:
    """Residual connections around the parts, with a norm each."""
    if not isinstance(params, Mapping):
        raise DataError("a transformer layer: the parameters are a mapping of names, as attention_parameters and encoder_parameters give it")
    for k, part in enumerate(parts, start=1):
        weight, bias = params.get(f"norm{k}.weight"), params.get(f"norm{k}.bias")
        x = x + part(layer_norm(x, weight, bias, eps)) if norm_first else layer_norm(x + part(x), weight, bias, eps)
    return x


def _attend(x: Expr, source: Expr, params: Params, name: str, heads: Any, mask: Any, is_causal: bool, keep: Any) -> Expr:
    return multi_head_attention(
        x,
        source,
        source,
        heads,
        _param(params, f"{name}.in_proj_weight"),
        params.get(f"{name}.in_proj_bias"),
        _param(params, f"{name}.out_proj.weight"),
        params.get(f"{name}.out_proj.bias"),
        mask,
        is_causal,
        keep,
    )


def _feed_forward(x: Expr, params: Params, activation: Activation) -> Expr:
    hidden = activate(linear(x, _param(params, "linear1.weight"), params.get("linear1.bias")), activation)
    return linear(hidden, _param(params, "linear2.weight"), params.get("linear2.bias"))


def _param(params: Params, name: str) -> Any:
    if name not in params:
        raise NameError_(f"a transformer block needs the parameter {name!r}; given are {', '.join(map(str, params)) or 'none'}")
    return params[name]
