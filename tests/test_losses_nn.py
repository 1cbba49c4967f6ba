"""Every loss of torch.nn but CTC: value and gradients against exact data and against torch in float64, symbolic sizes and sizes of 1."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import symdl as sd

DATA = json.loads((Path(__file__).parent / "data" / "torch_nn_losses.json").read_text("utf-8"))["losses"]


def squared_distance(a, b):
    return sd.sum((a - b) ** 2, axis=-1)


#: Name in the data -> the loss and its arguments.
LOSSES = {
    "L1Loss": (sd.l1_loss, {}),
    "MSELoss": (sd.mse_loss, {}),
    "SmoothL1Loss": (sd.smooth_l1_loss, {"beta": 0.8}),
    "HuberLoss": (sd.huber_loss, {"delta": 0.8}),
    "BCELoss": (sd.binary_cross_entropy, {}),
    "BCEWithLogitsLoss": (sd.binary_cross_entropy_with_logits, {}),
    "BCEWithLogitsLoss(pos_weight=2.5)": (sd.binary_cross_entropy_with_logits, {"pos_weight": 2.5}),
    "CrossEntropyLoss": (sd.cross_entropy, {}),
    "CrossEntropyLoss(label_smoothing=0.1)": (sd.cross_entropy, {"label_smoothing": 0.1}),
    "CrossEntropyLoss(prob targets)": (sd.cross_entropy_loss, {}),
    "NLLLoss": (sd.nll_loss, {}),
    "KLDivLoss": (sd.kl_div, {}),
    "KLDivLoss(log_target)": (sd.kl_div, {"log_target": True}),
    "PoissonNLLLoss": (sd.poisson_nll_loss, {}),
    "PoissonNLLLoss(log_input=False)": (sd.poisson_nll_loss, {"log_input": False}),
    "PoissonNLLLoss(full)": (sd.poisson_nll_loss, {"full": True}),
    "GaussianNLLLoss": (sd.gaussian_nll_loss, {}),
    "HingeEmbeddingLoss": (sd.hinge_embedding_loss, {}),
    "SoftMarginLoss": (sd.soft_margin_loss, {}),
    "MarginRankingLoss": (sd.margin_ranking_loss, {"margin": 0.2}),
    "MultiLabelSoftMarginLoss": (sd.multilabel_soft_margin_loss, {}),
    "MultiMarginLoss": (sd.multi_margin_loss, {}),
    "MultiLabelMarginLoss": (sd.multilabel_margin_loss, {}),
    "CosineEmbeddingLoss": (sd.cosine_embedding_loss, {"margin": 0.1}),
    "TripletMarginLoss": (sd.triplet_margin_loss, {}),
    "TripletMarginWithDistanceLoss(sq)": (sd.triplet_margin_with_distance_loss, {"distance_function": squared_distance}),
}


def value_and_gradients(loss, values, wrt):
    total = sd.sum(loss) if loss.shape else loss
    return sd.evaluate(loss, **values), (sd.value_and_grad(total, list(wrt))(**values)[1] if wrt else {})


def test_every_loss_of_the_data_is_here():
    assert {e["name"] for e in DATA} == set(LOSSES)


@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "numbers"])
@pytest.mark.parametrize("entry", DATA, ids=lambda e: e["name"])
def test_value_and_gradients_agree_with_the_data(entry, symbolic):
    function, options = LOSSES[entry["name"]]
    values = {k: np.array(v, dtype=float) for k, v in entry["inputs"].items()}
    sizes = sd.dims("N C")
    inputs = [sd.tensor(k, *(sizes[: v.ndim] if symbolic else v.shape)) for k, v in values.items()]
    for reduction, result in entry["results"].items():
        value, gradients = value_and_gradients(function(*inputs, reduction=reduction, **options), values, result.get("grads", {}))
        assert value == pytest.approx(np.array(result["value"]), rel=1e-10, abs=1e-14)
        for name, wanted in result.get("grads", {}).items():
            assert gradients[name] == pytest.approx(np.array(wanted), rel=1e-10, abs=1e-13)


# --- against torch ------------------------------------------------------------------------------------------------

N, C, D = (4, 3, 2)


def kinds(rng, shape):
    """What targets may be, by kind; ``shape`` is that of the input, its second axis (or the only one) the classes."""
    rest = shape[:1] + shape[2:] if len(shape) > 1 else ()
    count = shape[1] if len(shape) > 1 else shape[0]
    weights = rng.uniform(0.2, 2.0, size=count)
    return {
        "real": rng.normal(size=shape),
        "unit": rng.uniform(0.05, 0.95, size=shape),
        "sign": rng.choice([-1.0, 1.0], size=shape),
        "count": rng.integers(0, 5, size=shape).astype(float),
        "positive": rng.uniform(0.1, 2.0, size=shape),
        "class": rng.integers(0, count, size=rest).astype(float),
        "shares": rng.dirichlet(np.ones(count), size=rest).swapaxes(1, -1) if len(shape) > 2 else rng.dirichlet(np.ones(count), size=rest or None),
        "weights": weights,
    }


#: (loss, name in torch, kinds of the inputs, arguments, shapes, the inputs whose gradients are compared)
MATRICES, ALL, ROWS = ((N, C), (1, 1), (1, 5)), ((N, C), (1, 1), (N, C, D), (C,)), ((N, C), (1, C), (N, 1))
CASES = [
    ("l1_loss", ("real", "real"), {}, ALL, 2),
    ("mse_loss", ("real", "real"), {}, ALL, 2),
    ("huber_loss", ("real", "real"), {"delta": 0.3}, ALL, 2),
    ("smooth_l1_loss", ("real", "real"), {"beta": 0.4}, ALL, 2),
    ("smooth_l1_loss", ("real", "real"), {"beta": 0}, MATRICES, 2),
    ("poisson_nll_loss", ("real", "count"), {}, ALL, 1),
    ("poisson_nll_loss", ("positive", "count"), {"log_input": False, "full": True, "eps": 1e-3}, ALL, 1),
    ("gaussian_nll_loss", ("real", "real", "positive"), {"full": True}, ALL, 3),
    ("kl_div", ("real", "unit"), {"reduction": "batchmean"}, MATRICES, 2),
    ("kl_div", ("real", "real"), {"log_target": True}, ALL, 2),
    ("binary_cross_entropy", ("unit", "unit"), {}, ALL, 2),
    ("binary_cross_entropy_with_logits", ("real", "unit"), {}, ALL, 2),
    ("binary_cross_entropy_with_logits", ("real", "unit", "positive"), {"pos_weight": 3.5}, MATRICES, 2),
    ("cross_entropy", ("real", "class"), {}, ((N, C), (1, 1), (N, C, D), (C,), (1, C, 1)), 1),
    ("cross_entropy", ("real", "class", "weights"), {}, ((N, C), (1, 1), (N, C, D), (C,)), 1),
    ("cross_entropy", ("real", "class", "weights"), {"label_smoothing": 0.2}, ((N, C), (N, C, D)), 1),
    ("cross_entropy", ("real", "class", "weights"), {"label_smoothing": 0.2, "ignore_index": 1}, ((6, C), (N, C, D)), 1),
    ("cross_entropy", ("real", "class"), {"ignore_index": 0}, ((7, C), (N, C, D)), 1),
    ("cross_entropy_loss", ("real", "shares", "weights"), {"label_smoothing": 0.3}, ((N, C), (C,)), 2),
    ("nll_loss", ("real", "class", "weights"), {}, ((N, C), (N, C, D), (C,)), 1),
    ("nll_loss", ("real", "class"), {"ignore_index": 2}, ((7, C), (7, C, D)), 1),
    ("soft_margin_loss", ("real", "sign"), {}, ALL, 1),
    ("hinge_embedding_loss", ("real", "sign"), {"margin": 0.6}, ALL, 1),
    ("margin_ranking_loss", ("real", "real", "sign"), {"margin": 0.3}, ALL, 2),
    ("multilabel_soft_margin_loss", ("real", "unit", "weights"), {}, ROWS, 1),
    ("multi_margin_loss", ("real", "class"), {"p": 2, "margin": 0.7}, ((N, C), (1, C), (C,)), 1),
    ("triplet_margin_loss", ("real", "real", "real"), {"p": 1}, ROWS, 3),
    ("triplet_margin_loss", ("real", "real", "real"), {"p": 3, "margin": 0.2, "swap": True}, ROWS, 3),
    ("triplet_margin_with_distance_loss", ("real", "real", "real"), {"swap": True}, ROWS, 3),
]
IN_TORCH = {"cross_entropy_loss": "cross_entropy"}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # torch, of kl_div
@pytest.mark.parametrize(("name", "wanted", "options", "shapes", "count"), CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_against_torch(name, wanted, options, shapes, count):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(11)
    for shape in shapes:
        drawn = kinds(rng, shape)
        arrays = [rng.permutation(drawn[k]) if k == "real" else drawn[k] for k in wanted]
        leaves = [torch.tensor(a).long() if k == "class" else torch.tensor(a) for k, a in zip(wanted, arrays, strict=True)]
        for leaf in leaves[:count]:
            leaf.requires_grad_()
        theirs = {k: torch.tensor(v, dtype=torch.float64) if k == "pos_weight" else v for k, v in options.items()}
        names = [f"v{k}" for k in range(len(wanted))]
        inputs = [sd.tensor(n, *a.shape) for n, a in zip(names, arrays, strict=True)]
        for reduction in [options["reduction"]] if "reduction" in options else ("mean", "sum", "none"):
            right = getattr(torch.nn.functional, IN_TORCH.get(name, name))(*leaves, **{**theirs, "reduction": reduction})
            slopes = torch.autograd.grad(right.sum(), leaves[:count])
            loss = getattr(sd, name)(*inputs, **{**options, "reduction": reduction})
            value, gradients = value_and_gradients(loss, dict(zip(names, arrays, strict=True)), inputs[:count])
            assert value == pytest.approx(right.detach().numpy(), rel=1e-10, abs=1e-14)
            for n, slope in zip(names, slopes, strict=False):
                assert gradients[n] == pytest.approx(slope.numpy(), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_multilabel_margin_reads_labels_up_to_the_first_negative_one(width):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(6, width))
    labels = np.array([rng.permutation(width) for _ in range(6)])
    for row, stop in enumerate([0, 1, 2, width, 1, 3]):
        labels[row, stop:] = -1 if row % 2 else labels[row, stop:]
        labels[row, stop : stop + 1] = -1
    leaf = torch.tensor(scores, requires_grad=True)
    right = torch.nn.functional.multilabel_margin_loss(leaf, torch.tensor(labels))
    right.backward()
    x, c = sd.tensor("x", "N", "C"), sd.tensor("c", "N", "C")
    value, gradients = value_and_gradients(sd.multilabel_margin_loss(x, c), {"x": scores, "c": labels}, [x])
    assert value == pytest.approx(right.item(), rel=1e-12)
    assert gradients["x"] == pytest.approx(leaf.grad.numpy(), rel=1e-12)


def test_kinks_take_the_derivatives_of_torch():
    torch = pytest.importorskip("torch")
    same, y = np.array([0.5, -2.0, 0.0]), np.array([1.0, -1.0, 1.0])
    cases = [
        ("margin_ranking_loss", (same, same, y), {"margin": 0.0}, 2),  # the hinge at 0
        ("hinge_embedding_loss", (np.ones(3), -np.ones(3)), {"margin": 1.0}, 1),
        ("l1_loss", (same, same), {}, 2),
        ("huber_loss", (same + 1.0, same), {"delta": 1.0}, 2),
        ("smooth_l1_loss", (same - 1.0, same), {"beta": 1.0}, 2),
        ("kl_div", (same, np.array([0.0, 0.5, 1.0])), {}, 1),
    ]
    for name, arrays, options, count in cases:
        leaves = [torch.tensor(a) for a in arrays]
        for leaf in leaves[:count]:
            leaf.requires_grad_()
        slopes = torch.autograd.grad(getattr(torch.nn.functional, name)(*leaves, reduction="sum", **options), leaves[:count])
        names = [f"v{k}" for k in range(len(arrays))]
        inputs = [sd.tensor(n, 3) for n in names]
        _, gradients = value_and_gradients(getattr(sd, name)(*inputs, reduction="sum", **options), dict(zip(names, arrays, strict=True)), inputs[:count])
        for n, slope in zip(names, slopes, strict=False):
            assert gradients[n] == pytest.approx(slope.numpy(), abs=1e-12), name


def test_cut_off_logarithms_and_far_scores_give_numbers():
    x, y = sd.tensor("x", 4), sd.tensor("y", 4)
    ends = {"x": np.array([0.0, 1.0, 0.0, 1.0]), "y": np.array([0.0, 0.0, 1.0, 1.0])}
    value, gradients = value_and_gradients(sd.binary_cross_entropy(x, y, reduction="none"), ends, [x, y])
    assert value == pytest.approx([0, 100, 100, 0], abs=1e-12)
    assert all(np.all(np.isfinite(g)) for g in gradients.values())
    far = {"x": np.array([-1000.0, 1000.0, 1000.0, -1000.0]), "y": np.array([1.0, -1.0, 1.0, 0.0])}
    for loss in (sd.soft_margin_loss(x, y), sd.binary_cross_entropy_with_logits(x, y, pos_weight=2)):
        value, gradients = value_and_gradients(loss, far, [x, y])
        assert np.isfinite(value) and all(np.all(np.isfinite(g)) for g in gradients.values())


def test_weights_are_differentiable():
    z, c, w = sd.tensor("z", "N", "C"), sd.tensor("c", "N"), sd.tensor("w", "C")
    loss = sd.cross_entropy(z, c, weight=w)
    rng = np.random.default_rng(2)
    values = {"z": rng.normal(size=(5, 3)), "c": np.array([0, 2, 2, 1, 0.0]), "w": np.array([0.5, 1.0, 2.0])}
    gradient = sd.value_and_grad(loss, w)(**values)[1]["w"]
    for k in range(3):
        ends = [sd.evaluate(loss, **{**values, "w": values["w"] + h * np.eye(3)[k]}) for h in (1e-6, -1e-6)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-9)


def test_variances_of_other_shapes_and_below_eps():
    x, y, v = sd.tensor("x", 4, 3), sd.tensor("y", 4, 3), sd.tensor("v", 4)
    rng = np.random.default_rng(2)
    values = {"x": rng.normal(size=(4, 3)), "y": rng.normal(size=(4, 3)), "v": np.array([0.5, 1e-9, 2.0, 1.0])}
    loss = sd.gaussian_nll_loss(x, y, v)
    assert sd.evaluate(loss, **values) == pytest.approx(sd.evaluate(sd.gaussian_nll_loss(x, y, v[:, None]), **values))
    assert sd.value_and_grad(loss, v)(**values)[1]["v"][1] == 0.0  # eps counts there, not v
    with pytest.raises(sd.ShapeError):
        sd.gaussian_nll_loss(x, y, sd.tensor("u", 3, 4))


def test_two_tensors_of_one_shape_are_probabilities_as_in_the_text_language():
    p, t = sd.tensor("p", "N", "C"), sd.tensor("t", "N", "C")
    assert sd.cross_entropy(p, t) == sd.parse("cross_entropy(p, t)", p="N,C", t="N,C") == -sd.sum(t * sd.log(p))
    assert sd.cross_entropy(p, t, reduction="mean") == sd.cross_entropy_loss(p, t)
    c = sd.tensor("c", "N")
    assert sd.cross_entropy(p, c) == sd.cross_entropy_loss(p, c)


def test_gradients_read_as_in_a_textbook_and_are_proved():
    n, k = sd.dims("N C")
    x, y, z, c = sd.tensor("x", n, k), sd.tensor("y", n, k), sd.tensor("z", n, k), sd.tensor("c", n)
    assert sd.check(sd.binary_cross_entropy_with_logits(x, y), x, (sd.sigmoid(x) - y) / (n * k)).verdict == "PROVED"
    assert str(sd.grad(sd.huber_loss(x, y, "sum"), x)) == "clip(x - y, -1, 1)"
    chosen = sd.equal(sd.position(k), c[:, None])
    assert sd.check(sd.cross_entropy(z, c), z, (sd.softmax(z) - chosen) / n).verdict == "PROVED"
    assert sd.check(sd.cross_entropy(z, c), z, (sd.softmax(z) - 2 * chosen) / n).verdict == "REFUTED"
    assert sd.check(sd.nll_loss(z, c, reduction="sum"), z, -chosen).verdict == "PROVED"


@pytest.mark.parametrize(
    "make",
    [
        lambda x, v, c: sd.mse_loss(x, v),
        lambda x, v, c: sd.mse_loss(x, x, reduction="average"),
        lambda x, v, c: sd.huber_loss(x, x, delta=-1),
        lambda x, v, c: sd.nll_loss(x, x),
        lambda x, v, c: sd.nll_loss(x, c, weight=v[:2]),
        lambda x, v, c: sd.cross_entropy_loss(x, c, label_smoothing=2),
        lambda x, v, c: sd.multi_margin_loss(x, v),
        lambda x, v, c: sd.multi_margin_loss(x, c, p=3),
        lambda x, v, c: sd.kl_div(x, x, reduction="batch"),
        lambda x, v, c: sd.triplet_margin_loss(x, x, x, p=0),
        lambda x, v, c: sd.cosine_embedding_loss(x, x, v),
    ],
)
def test_wrong_arguments_are_one_line(make):
    with pytest.raises(sd.SymdlError) as error:
        make(sd.tensor("x", 4, 3), sd.tensor("v", 3), sd.tensor("c", 4))
    assert "\n" not in str(error.value)


def test_the_largest_difference_as_distance():
    a, b = sd.tensor("a", 2, 3), sd.tensor("b", 2, 3)
    values = {"a": np.array([[1.0, 5.0, -2.0], [0.0, 0.5, 0.1]]), "b": np.zeros((2, 3))}
    assert sd.evaluate(sd.pairwise_distance(a, b, p=math.inf, eps=0), **values) == pytest.approx([5.0, 0.5])
