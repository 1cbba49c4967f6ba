"""Gradients of losses and of a whole transformer block, for every size; and that a wrong one is refuted."""

import pytest
import sympy as sp

import symdl as sd
from symdl.prove.claims import check
from symdl.prove.equal import prove

N, C, L, d, V = sd.dims("N C L d V")
t = sd.tensor
x, y, z, labels = t("x", N, C), t("y", N, C), t("z", N, C), t("labels", N)
Y = t("Y", N, L, 2 * d)


def by_cosine(a, b):
    return 1 - sd.cosine_similarity(a, b)


def block(norm_first):
    out = sd.transformer_encoder_layer(Y, sd.encoder_parameters(2 * d, V), 2, norm_first=norm_first)
    return sd.sum(out * t("G", *out.shape))


LOSSES = {
    "cosine similarity": (sd.sum(sd.cosine_similarity(x, y)), "x y"),
    "cosine embedding": (sd.cosine_embedding_loss(x, y, labels), "x y"),
    "triplet": (sd.triplet_margin_loss(x, y, z), "x y z"),
    "triplet, the nearer negative": (sd.triplet_margin_loss(x, y, z, swap=True), "x y z"),
    "triplet by cosines": (sd.triplet_margin_with_distance_loss(x, y, z, distance_function=by_cosine), "x y z"),
    "max pooling": (sd.sum(sd.max_pool2d(t("image", N, C, 4, 4), 2) ** 2), "image"),
    "block, norms first": (block(True), "Y linear1.weight"),
    "block, norms last": (block(False), "linear1.weight norm2.weight Y self_attn.in_proj_weight self_attn.in_proj_bias norm1.weight self_attn.out_proj.weight"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_proved_for_every_size(name):
    loss, wrt = LOSSES[name]
    for by in wrt.split():
        verdict = check(loss, by, sd.derive(loss, [by])[by])
        assert verdict.proved and "every size" in verdict.method, (by, str(verdict))


@pytest.mark.parametrize("name", ["cosine similarity", "cosine embedding", "triplet, the nearer negative"])
def test_a_small_change_is_not_proved(name):
    loss, wrt = LOSSES[name]
    by = wrt.split()[0]
    right = sd.derive(loss, [by])[by]
    assert not check(loss, by, right * (1 + sp.Rational(1, 10**9)), time_budget=4).proved
    assert check(loss, by, right * 2, time_budget=4).verdict == "REFUTED"


def test_a_wrong_gradient_of_a_block_is_not_proved():
    loss, _ = LOSSES["block, norms last"]
    verdict = check(loss, "linear1.weight", 2 * sd.derive(loss, ["linear1.weight"])["linear1.weight"], time_budget=1)
    assert not verdict.proved
    assert verdict.verdict == "REFUTED" or "in floats the sides differ" in verdict.detail


@pytest.mark.parametrize("by", ["norm1.weight", "self_attn.in_proj_bias"])
def test_a_slightly_wrong_gradient_of_a_block_is_not_proved(by):
    """Sums and factors that stand for themselves in the proof must not make a wrong claim right."""
    loss, _ = LOSSES["block, norms last"]
    right = sd.derive(loss, [by])[by]
    one = t(by, *right.shape)
    for wrong in (right * (1 + sp.Rational(1, 10**9)), right + one / 10**9):
        assert not check(loss, by, wrong, time_budget=3).proved


def test_a_factor_that_vanishes_divides_nothing():
    """c*S is named where it is an adjoint; S alone is not c*S/c where c is an indicator, and the claim without c is wrong."""
    a, c = t("a", N, C), t("c", N, C)
    inner = c * (a + x + y)
    loss = sd.sum(sd.relu(inner) ** 2 * (a + x + y))
    right = sd.derive(loss, [a])["a"]
    assert check(loss, a, right).proved
    assert check(loss, a, right * sd.positive(c)).verdict == "REFUTED"


def test_a_root_of_a_product_of_sums_is_that_of_each():
    a, b = t("a", C), t("b", C)
    first, second = 1 + sd.sum(a**2), 2 + sd.sum(b**2)
    verdict = prove(1 / sd.sqrt(first * second), 1 / (sd.sqrt(first) * sd.sqrt(second)))
    assert verdict.proved and "every size" in verdict.method
    assert not prove(sd.sqrt((1 + sd.sum(a)) * (2 + sd.sum(b))), sd.sqrt(1 + sd.sum(a)) * sd.sqrt(1 + sd.sum(b))).proved
    # Both below zero: their product has a root, and neither has one.
    assert prove(sd.sqrt((1 + sd.sum(a)) * (1 + sd.sum(b))), -sd.sqrt(1 + sd.sum(a)) * sd.sqrt(1 + sd.sum(b))).verdict == "REFUTED"
