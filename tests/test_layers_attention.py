"""Attention and transformer blocks against PyTorch."""

import numpy as np
import pytest
import torch
from layer_check import agree, arrays, close

import symdl as sd

F = torch.nn.functional
ATTENTION = F.scaled_dot_product_attention


@pytest.mark.parametrize(("lead", "L", "S", "E", "V"), [((2,), 3, 5, 4, 6), ((), 2, 2, 3, 3), ((2, 3), 1, 1, 1, 1), ((1,), 4, 1, 2, 1)])
def test_attention(lead, L, S, E, V):
    values = arrays(np.random.default_rng(L), Q=(*lead, L, E), K=(*lead, S, E), V=(*lead, S, V), mask=(L, S))
    agree(lambda Q, K, V, mask: sd.scaled_dot_product_attention(Q, K, V, mask), lambda Q, K, V, mask: ATTENTION(Q, K, V, mask), values)
    three = {k: values[k] for k in "QKV"}
    agree(sd.scaled_dot_product_attention, lambda Q, K, V: ATTENTION(Q, K, V), three)
    agree(lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V, scale=0.3), lambda Q, K, V: ATTENTION(Q, K, V, scale=0.3), three)
    agree(lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V, is_causal=True), lambda Q, K, V: ATTENTION(Q, K, V, is_causal=True), three)


SYMBOLIC = {"Q": ("N", "L", "E"), "K": ("N", "S", "E"), "V": ("N", "S", "F")}


@pytest.mark.parametrize("causal", [False, True])
def test_attention_with_symbolic_sizes(causal):
    values = arrays(np.random.default_rng(1), Q=(2, 3, 4), K=(2, 5, 4), V=(2, 5, 6))
    agree(
        lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V, is_causal=causal),
        lambda Q, K, V: ATTENTION(Q, K, V, is_causal=causal),
        values,
        symbolic=SYMBOLIC,
    )


def test_a_mask_of_booleans():
    values = arrays(np.random.default_rng(2), Q=(2, 3, 4), K=(2, 5, 4), V=(2, 5, 6))
    keep = np.random.default_rng(3).random((2, 3, 5)) > 0.4
    keep[:, :, 2] = True
    values["keep"] = keep.astype(float)
    agree(
        lambda Q, K, V, keep: sd.scaled_dot_product_attention(Q, K, V, keep=keep),
        lambda Q, K, V, keep: ATTENTION(Q, K, V, keep > 0),
        values,
        fixed=["keep"],
    )


@pytest.mark.parametrize("size", [50.0, 3000.0])
@pytest.mark.parametrize("causal", [False, True])
def test_scores_too_large_for_exp_give_numbers(size, causal):
    """exp of a masked score overflows where the masked softmax does not."""
    values = arrays(np.random.default_rng(4), Q=(4, 3), K=(4, 3), V=(4, 2))
    values["Q"] *= size
    agree(
        lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V, is_causal=causal),
        lambda Q, K, V: ATTENTION(Q, K, V, is_causal=causal),
        values,
        tolerance=1e-7,  # differences of saturated softmaxes: what is left of 50 - 50, here and in PyTorch
    )


def test_a_masked_score_of_any_size_counts_for_nothing():
    z, keep = sd.tensor("z", 3), sd.tensor("keep", 3)
    p = sd.masked_softmax(z, sd.positive(keep))
    value = {"z": np.array([0.0, 5000.0, 1.0]), "keep": np.array([1.0, 0.0, 1.0])}
    expected = np.array([1, 0, np.e]) / (1 + np.e)
    assert close(sd.evaluate(p, **value), expected)
    assert close(sd.evaluate(sd.grad(p[0], z), **value), [expected[0] * expected[2], 0, -expected[0] * expected[2]])


def _mha(q, k, v, heads, Wi, bi, Wo, bo, **options):
    t = lambda a: a.transpose(0, 1)  # noqa: E731
    width = q.shape[-1]
    return t(F.multi_head_attention_forward(t(q), t(k), t(v), width, heads, Wi, bi, None, None, False, 0.0, Wo, bo, need_weights=False, **options)[0])


@pytest.mark.parametrize(("L", "S", "E", "heads"), [(3, 5, 4, 2), (2, 2, 6, 3), (1, 1, 1, 1), (3, 2, 4, 1), (2, 3, 3, 3)])
def test_multi_head_attention(L, S, E, heads):
    values = arrays(np.random.default_rng(E), Q=(2, L, E), K=(2, S, E), V=(2, S, E), Wi=(3 * E, E), bi=(3 * E,), Wo=(E, E), bo=(E,))
    agree(
        lambda Q, K, V, Wi, bi, Wo, bo: sd.multi_head_attention(Q, K, V, heads, Wi, bi, Wo, bo),
        lambda Q, K, V, Wi, bi, Wo, bo: _mha(Q, K, V, heads, Wi, bi, Wo, bo),
        values,
    )
    causal = torch.ones(L, S, dtype=torch.bool).tril()
    agree(
        lambda Q, K, V, Wi, bi, Wo, bo: sd.multi_head_attention(Q, K, V, heads, Wi, bi, Wo, bo, is_causal=True),
        lambda Q, K, V, Wi, bi, Wo, bo: _mha(Q, K, V, heads, Wi, bi, Wo, bo, attn_mask=~causal),
        values,
    )


def test_multi_head_attention_with_symbolic_sizes_and_masks():
    values = arrays(np.random.default_rng(5), x=(2, 3, 6), Wi=(18, 6), Wo=(6, 6), mask=(2, 3, 3))
    E = 2 * sd.dims("d")
    agree(
        lambda x, Wi, Wo, mask: sd.multi_head_attention(x, x, x, 2, Wi, None, Wo, None, mask),
        lambda x, Wi, Wo, mask: _mha(x, x, x, 2, Wi, None, Wo, None, attn_mask=mask.repeat_interleave(2, 0)),
        values,
        symbolic={"x": ("N", "L", E), "Wi": (3 * E, E), "Wo": (E, E), "mask": ("N", "L", "L")},
    )


def test_heads_without_a_projection_stand_side_by_side():
    values = arrays(np.random.default_rng(6), x=(2, 3, 6), Wi=(18, 6))
    made = sd.multi_head_attention(sd.tensor("x", 2, 3, 6), sd.tensor("x", 2, 3, 6), sd.tensor("x", 2, 3, 6), 3, sd.tensor("Wi", 18, 6))
    eye = sd.multi_head_attention(sd.tensor("x", 2, 3, 6), sd.tensor("x", 2, 3, 6), sd.tensor("x", 2, 3, 6), 3, sd.tensor("Wi", 18, 6), None, sd.eye(6))
    assert close(sd.evaluate(made, **values), sd.evaluate(eye, **values))


def _block(kind, E, hidden, heads, activation, norm_first, seed):
    torch.manual_seed(seed)
    made = kind(E, heads, hidden, dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.randn(p.shape, dtype=torch.float64) * 0.5)
    return made


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer(activation, norm_first):
    block = _block(torch.nn.TransformerEncoderLayer, 4, 6, 2, activation, norm_first, 0)
    params = sd.encoder_parameters(4, 6)
    assert {k: v.shape for k, v in params.items()} == {k: tuple(v.shape) for k, v in block.named_parameters()}
    values = {"x": np.random.default_rng(7).normal(size=(2, 3, 4)), **{k: v.detach().numpy() for k, v in block.named_parameters()}}
    agree(
        lambda x, **p: sd.transformer_encoder_layer(x, p, 2, activation, norm_first),
        lambda x, **p: torch.func.functional_call(block, p, (x,)),
        values,
    )


def test_encoder_layer_with_symbolic_sizes_and_causal_mask():
    block = _block(torch.nn.TransformerEncoderLayer, 4, 6, 2, "gelu", True, 1)
    E = 2 * sd.dims("d")
    params = sd.encoder_parameters(E, "f")
    values = {"x": np.random.default_rng(8).normal(size=(2, 3, 4)), **{k: v.detach().numpy() for k, v in block.named_parameters()}}
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    agree(
        lambda x, **p: sd.transformer_encoder_layer(x, p, 2, "gelu", True, is_causal=True),
        lambda x, **p: torch.func.functional_call(block, p, (x,), {"src_mask": hidden}),
        values,
        symbolic={"x": ("N", "L", E), **{k: v.shape for k, v in params.items()}},
    )


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_layer(norm_first):
    block = _block(torch.nn.TransformerDecoderLayer, 4, 5, 2, "relu", norm_first, 2)
    params = sd.decoder_parameters(4, 5, "layers.0.")
    assert {k: v.shape for k, v in params.items()} == {k: tuple(v.shape) for k, v in block.named_parameters()}
    assert params["norm3.bias"].name == "layers.0.norm3.bias"
    rng = np.random.default_rng(9)
    values = {"x": rng.normal(size=(2, 3, 4)), "memory": rng.normal(size=(2, 5, 4)), **{k: v.detach().numpy() for k, v in block.named_parameters()}}
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    agree(
        lambda x, memory, **p: sd.transformer_decoder_layer(x, memory, p, 2, "relu", norm_first, is_causal=True),
        lambda x, memory, **p: torch.func.functional_call(block, p, (x, memory), {"tgt_mask": hidden}),
        values,
    )


def test_wrong_attention_is_named_with_the_mend():
    Q, K = sd.tensor("Q", 2, 3, 4), sd.tensor("K", 2, 5, 4)
    with pytest.raises(sd.ShapeError, match="the queries have 4 features and the keys 3"):
        sd.scaled_dot_product_attention(Q, sd.tensor("K", 2, 5, 3), K)
    with pytest.raises(sd.ShapeError, match="there are 5 keys"):
        sd.scaled_dot_product_attention(Q, K, sd.tensor("V", 2, 4, 4))
    with pytest.raises(sd.ShapeError, match="must be a multiple of 3"):
        sd.multi_head_attention(Q, K, K, 3, sd.tensor("W", 12, 4))
    with pytest.raises(sd.ShapeError, match=r"in_proj_weight must have the shape \(12, 4\)"):
        sd.multi_head_attention(Q, K, K, 2, sd.tensor("W", 4, 4))
    x = sd.tensor("x", "N", "L", "E")
    with pytest.raises(sd.ShapeError, match=r"give it as 2\*d"):
        sd.multi_head_attention(x, x, x, 2, sd.tensor("W", 3 * sd.dims("E"), "E"))
    with pytest.raises(sd.NameError_, match=r"needs the parameter 'self_attn\.in_proj_weight'"):
        sd.transformer_encoder_layer(Q, {}, 2)
