"""Other people's gradient checks, on symdl's gradients: torch.autograd.gradcheck and gradgradcheck, jax.test_util.check_grads to order 2, Stan, ADBench."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.mutants.gradients import ENTRIES, made
from symdl.mutants.judge import points
from symdl.mutants.tolerances import RULES, Point
from symdl.prove.claims import named_parts
from symdl.prove.in_jax import double_precision, jax_function
from symdl.prove.oracles import ORACLES, chosen, compare

n, p, h = sd.dims("n p h")
X, w, b, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("b"), sd.tensor("y", n)
W, V, T, x = sd.tensor("W", p, h), sd.tensor("V", h), sd.tensor("T", n, h), sd.tensor("x", n)

#: Smooth losses of one tensor: the checks differentiate twice.
LOSSES = {
    "neuron": (sd.sum((sd.sigmoid(X @ w + b) - y) ** 2) / 2, w),
    "logistic": (sd.sum(sd.softplus(X @ w) - y * (X @ w)), w),
    "softmax": (sd.sum(sd.logsumexp(X @ W, axis=1)) - sd.sum(T * (X @ W)), W),
    "two layers": (sd.sum((sd.tanh(X @ W) @ V - y) ** 2) / 2, W),
    "gelu": (sd.sum(sd.gelu(x) * x), x),
    "logdet": (sd.logdet(X.T @ X + sd.eye(p)), X),
    "layer norm": (sd.sum(T * sd.layer_norm(X @ W)), W),
    "gaussian": (n * sd.log(sd.sum(w**2)) + sd.sum((y - sd.mean(y)) ** 2) / sd.sum(w**2), w),
}


def numbers(loss, wrt, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"n": 3, "p": 2, "h": 2}
    parts = named_parts(loss)
    return {name: rng.normal(size=[sizes[str(s)] for s in part.shape]) for name, part in parts.items()}, str(wrt.node.name)


@pytest.mark.parametrize("name", LOSSES)
def test_torch_gradcheck_and_gradgradcheck(name):
    torch = pytest.importorskip("torch")
    loss, wrt = LOSSES[name]
    values, key = numbers(loss, wrt)
    u = sd.tensor("U_", *wrt.shape)
    order = [sd.tensor(k, *part.shape) for k, part in named_parts(loss).items()]
    f = sd.lambdify(order, [loss, sd.grad(loss, wrt)])
    product = sd.lambdify([*order, u], [sd.hvp(loss, wrt, u)])
    at = list(values)

    def with_(array):
        return [array if k == key else values[k] for k in at]

    class Gradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return torch.as_tensor(f(*with_(a.detach().numpy()))[1])

        @staticmethod
        def backward(ctx, up):
            (a,) = ctx.saved_tensors
            # The Hessian is symmetric: its product with what comes from above is what goes down.
            out = product(*with_(a.detach().numpy()), up.detach().numpy())
            return torch.as_tensor(np.asarray(out[0] if isinstance(out, (list, tuple)) else out))

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return torch.as_tensor(f(*with_(a.detach().numpy()))[0], dtype=torch.float64)

        @staticmethod
        def backward(ctx, up):
            (a,) = ctx.saved_tensors
            return up * Gradient.apply(a)

    start = torch.tensor(values[key], requires_grad=True)
    assert torch.autograd.gradcheck(Loss.apply, (start,))
    assert torch.autograd.gradgradcheck(Loss.apply, (start,))


@pytest.mark.parametrize("name", ["neuron", "softmax", "gelu", "logdet"])
def test_jax_check_grads_to_order_two(name):
    jax = pytest.importorskip("jax")
    from jax.test_util import check_grads

    loss, wrt = LOSSES[name]
    values, key = numbers(loss, wrt)
    u = sd.tensor("U_", *wrt.shape)
    gradient, product = sd.grad(loss, wrt), sd.hvp(loss, wrt, u)
    with double_precision():
        at = {**values, "U_": np.zeros(values[key].shape)}
        # Each formula is compiled once; operation by operation JAX would compile every shape of every operation.
        compiled = {e: jax.jit(jax_function(e, [wrt, u] if e is product else [wrt], at)[0]) for e in (loss, gradient, product)}

        def carried(expr, a, *up):
            return compiled[expr](a, *up)

        # JAX is told the derivatives of the loss, and of its gradient, by symdl's formulas: nothing is left to its own rules.
        @jax.custom_jvp
        def slope(a):
            return carried(gradient, a)

        @slope.defjvp
        def _(primals, tangents):
            (a,), (t,) = primals, tangents
            return slope(a), carried(product, a, t)

        @jax.custom_jvp
        def value(a):
            return carried(loss, a)

        @value.defjvp
        def _(primals, tangents):
            (a,), (t,) = primals, tangents
            return value(a), jax.numpy.sum(slope(a) * t)

        check_grads(value, (jax.numpy.asarray(values[key]),), order=2, modes=["fwd", "rev"])


def test_tolerances_of_others_accept_all_gradients():
    assert [rule.name for rule in RULES] == ["PyTorch", "JAX", "ADBench", "Stan"]
    for name in ENTRIES:
        gradient = made(name)
        passed = [set(Point(gradient.loss, gradient.wrt, v).passed(gradient.right)) for v in points(gradient, gradient.right, 6)]
        assert set.union(*passed) == {"PyTorch", "JAX", "ADBench", "Stan"}, name


def test_the_rule_of_gradcheck_is_gradcheck():
    """The rule as it is written down in ``tolerances.py`` judges as torch itself does."""
    torch = pytest.importorskip("torch")
    loss, wrt = LOSSES["neuron"]
    values, key = numbers(loss, wrt)
    f = sd.lambdify([sd.tensor(k, *part.shape) for k, part in named_parts(loss).items()], [loss, sd.grad(loss, wrt)])
    at = Point(loss, wrt, values)
    right = sd.grad(loss, wrt)
    for error in (1e-1, 1e-2, 2e-3, 5e-4, 1e-4, 1e-8):

        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(a)
                return torch.as_tensor(f(*[a.detach().numpy() if k == key else values[k] for k in values])[0], dtype=torch.float64)

            @staticmethod
            def backward(ctx, up, error=error):
                (a,) = ctx.saved_tensors
                return up * torch.as_tensor(f(*[a.detach().numpy() if k == key else values[k] for k in values])[1]) * (1 + error)

        said = torch.autograd.gradcheck(Wrong.apply, (torch.tensor(values[key], requires_grad=True),), raise_exception=False)
        assert said == ("PyTorch" in at.passed(right * (1 + error))), error


ALL = {
    "neuron": LOSSES["neuron"],
    "kinks": (sd.sum(sd.relu(x) * y + sd.abs(x - y)), x),
    "matrix": (sd.logdet(X.T @ X + sd.eye(p)) + sd.sum(sd.gelu(w)), w),
    "softmax": LOSSES["softmax"],
}


@pytest.mark.parametrize("oracle", ORACLES)
def test_every_oracle_accepts_what_is_right_and_sees_a_billionth(oracle):
    if ORACLES[oracle].needs:
        pytest.importorskip(ORACLES[oracle].needs)
    for name, (loss, wrt) in ALL.items():
        right = sd.grad(loss, wrt)
        (good,) = compare(loss, {"g": right}, {"g": wrt}, oracles=oracle)
        assert good.verdict == "ok" and good.points >= 20 and good.error <= 1e-12, (name, good)
        (bad,) = compare(loss, {"g": right * (1 + 1e-9)}, {"g": wrt}, 3, oracles=oracle)
        assert bad.verdict == "FAILED", (name, bad)


def test_which_oracles_are_asked():
    assert chosen(()) == ("tape", "torch") and chosen("all") == tuple(ORACLES) and chosen("jax, tape") == ("jax", "tape")
    with pytest.raises(sd.SymdlError, match="there are: tape"):
        chosen("matlab")
    said = sd.derive(*LOSSES["neuron"]).verify(oracles="tape,complex,differences")
    assert said.ok and [c.how for c in said if c.points] == ["NumPy tape", "complex step", "differences, 300 digits"]


def test_recurrences_and_named_results():
    U, s0, g = sd.tensor("U", h, h), sd.tensor("s0", h), sd.tensor("g", h)
    states = sd.recur("s", s0, lambda prev, t: sd.tanh(U @ prev), 3)
    hidden = sd.let("z", sd.tanh(X @ w))
    for loss, wrt in ((sd.sum((states[-1] - g) ** 2), U), (sd.sum((hidden - y) ** 2), hidden)):
        derived = sd.derive(loss, wrt)
        checks = compare(loss, derived.gradients, derived.wrt, 6, oracles="complex,differences")
        assert [c.verdict for c in checks] == ["ok", "ok"], checks
