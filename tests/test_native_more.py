"""Native code for recurrences, inverses and determinants, contractions of any letters, and random graphs: NumPy's numbers to 1e-12."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_native import T, both, h, m, n, needs_compiler, p, same, start, trained, w
from test_random_graphs import INPUTS, draw_values, finite, graphs, used

import symdl as sd
from symdl.errors import DomainError
from symdl.lower.compiled import Compiled
from symdl.lower.native import matrices
from symdl.lower.native.backend import compile_program
from symdl.lower.numpy_backend import compile_program as by_numpy
from symdl.lower.program import Instruction, Output, Program, Ref

A, x = T("A", m, m), T("x", m)
pytestmark = needs_compiler


def agree(native, plain, args, rtol=1e-12):
    """Two functions of arrays give the same: to so much of the largest element of a result."""
    with np.errstate(all="ignore"):
        expected = plain(*args)
    for found, wanted in zip(native(*args), expected, strict=True):
        scale = np.max(np.abs(wanted), initial=0.0)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale)


def test_inverse_and_determinants():
    for size in (1, 2, 7, 8, 33):
        spd = A @ A.T / size + 2 * sd.eye(m)
        both([sd.inv(spd), sd.logdet(spd), sd.inv(spd) @ x, sd.grad(sd.logdet(spd), A)], {"A": (size, size), "x": (size,)})
        both([sd.det(A), sd.inv(A).T], {"A": (size, size)}, seed=size)


@pytest.mark.parametrize("limit", [1, 10**9])
def test_large_matrices_by_lapack_and_without(limit, monkeypatch):
    monkeypatch.setattr(matrices, "LAPACK_FROM", limit)
    spd = A @ A.T / 120 + 2 * sd.eye(m)
    both([sd.inv(spd), sd.logdet(spd), sd.det(spd / 3)], {"A": (120, 120)})


def test_rows_are_exchanged_and_many_pivots_stay_in_range():
    f = sd.lambdify([A], [sd.inv(A), sd.det(A)], backend="native")
    turned = np.eye(5)[[3, 0, 4, 1, 2]] * [1.0, 2.0, 4.0, 0.5, 8.0]
    inverse, det = f(turned)
    np.testing.assert_array_equal(inverse, np.linalg.inv(turned))
    assert det == pytest.approx(np.linalg.det(turned), rel=1e-15)
    scales = np.tile([1e-200, 1e200], 4)
    assert sd.lambdify([A], sd.det(A), backend="native")(np.diag(scales)) == pytest.approx(1.0, rel=1e-14)
    assert sd.lambdify([A], sd.det(A), backend="native")(np.ones((3, 3))) == 0.0


@pytest.mark.parametrize("of", [sd.inv, sd.logdet])
def test_singular_matrices_are_named_as_by_numpy(of):
    said = []
    for backend in ("numpy", "native"):
        f = sd.lambdify([A], of(A), backend=backend)
        with pytest.raises(DomainError) as caught:
            f(np.zeros((3, 3)))
        said.append(str(caught.value))
        np.testing.assert_allclose(f(2 * np.eye(3)), np.eye(3) / 2 if of is sd.inv else 3 * np.log(2))  # and goes on after it
    assert said[0] == said[1]


def test_recurrences():
    W, z, y = T("W", m, m), T("z", p, m), T("y", m)
    states = sd.recur("h", x, lambda before, t: sd.tanh(W @ before + z[t]) * y, p)
    loss = sd.sum(states[-1] ** 2) + sd.sum(states)
    shapes = {"x": (6,), "W": (6, 6), "z": (9, 6), "y": (6,), "V": (6, 6)}
    both([states, loss, *sd.derive(loss, [W, x, z, y]).gradients.values(), sd.hvp(loss, W, T("V", m, m))], shapes)
    none = sd.recur("a", x, lambda before, t: sd.exp(before), 0)
    both([none[-1], sd.grad(sd.sum(none[-1] ** 2), x)], {"x": (3,)})


def test_recurrences_of_scalars_matrices_and_several_states():
    s, rate = T("s"), T("rate", p)
    path = sd.recur("s", s, lambda before, t: before + rate[t] * sd.sin(before), p)
    both([path, path[-1], sd.grad(path[-1], rate), sd.grad(path[-1], s)], {"s": (), "rate": (7,)})
    M = T("M", m, h)
    grown = sd.recur("m", M, lambda before, t: sd.tanh(A @ before) / 2 + before * rate[t], p)
    both([grown[-1], sd.grad(sd.sum(grown[-1] ** 2), A), sd.grad(sd.sum(grown), M)], {"M": (5, 3), "A": (5, 5), "rate": (4,)})


def test_training_with_recurrences_and_inverses():
    W, z, t = T("W", 3, 3), T("z", p, 3), T("t", 3)
    last = sd.recur("h", T("x", 3), lambda before, k: sd.tanh(W @ before + z[k]), p)[-1]
    loss = sd.sum((last - t) ** 2) + sd.logdet(W @ W.T + sd.eye(3)) / 10
    rng = np.random.default_rng(0)
    data = {"z": rng.normal(size=(5, 3)), "t": rng.uniform(size=3), "x": rng.normal(size=3)}
    for method in ("gd", "momentum", "adam"):
        same(trained(loss, {"W": rng.normal(size=(3, 3))}, data, lr=0.01, epochs=20, method=method))


def test_a_singular_matrix_ends_a_training():
    """The diagonal walks to zero: both backends stop at the same step."""
    d = T("d", 2)
    loss = sd.sum(d) + 0 * sd.logdet(sd.diag(d)) + sd.logdet(sd.diag(d)) * 1e-300
    for backend in ("numpy", "native"):
        with pytest.raises(DomainError):
            sd.train(loss, params={"d": np.array([3.0, 9.0])}, data={}, lr=1.0, epochs=20, backend=backend, progress=False)


@pytest.mark.parametrize("subscripts", ["ij,ij->j", "ijk,ijk->ki", "ij,jk->ik", "ab,b->a", "ij,kj->", "i,j->ji", "aij,ajk->ika", "ij,ij->"])
@pytest.mark.parametrize("sizes", [(3, 9, 20, 5), (17, 1, 8, 2)])
def test_contractions_of_any_letters(subscripts, sizes):
    left, right, result = subscripts.replace("->", ",").split(",")
    size = dict(zip(dict.fromkeys(left + right), sizes, strict=False))
    shapes = [tuple(size[c] for c in word) for word in (left, right, result)]
    code = [Instruction("input", (), (name,), shape) for name, shape in zip("ab", shapes, strict=False)]
    code.append(Instruction("einsum", (Ref(0), Ref(1)), subscripts, shapes[2]))
    native = compile_program(Program((("a", shapes[0]), ("b", shapes[1])), tuple(code), (Output(Ref(2), shapes[2]),)))
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=shapes[0]), rng.normal(size=shapes[1])
    np.testing.assert_allclose(native(a, b)[0], np.einsum(subscripts, a, b), rtol=1e-12, atol=1e-13)


def test_step_is_not_a_number_at_zero():
    f = sd.lambdify([w], sd.step(w), backend="native")
    np.testing.assert_array_equal(f(np.array([-2.0, 3.0, 1e-300])), [0.0, 1.0, 1.0])
    with pytest.raises(DomainError):
        f(np.array([1.0, 0.0]))


def test_products_over_no_elements():
    Z, Q = T("Z", n, 0 * p + p), T("Q", p, h)
    program = Compiled([Z @ Q + 1]).program({"Z": (3, 4), "Q": (4, 2)})
    agree(compile_program(program), by_numpy(program), [np.ones((3, 4)), np.ones((4, 2))])


@settings(
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("SYMDL_EXAMPLES", "60")) // 3,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(graphs(), st.integers(0, 1000))
def test_random_graphs_and_their_gradients(expr, seed):
    values = draw_values(seed)
    assume(finite(expr, values) is not None and expr.inputs)
    derived = sd.derive(expr, [INPUTS[name] for name in expr.inputs])
    compiled = Compiled([expr, *derived.gradients.values()])
    known = used(expr, values)
    sizes = {s: v for s, v in ((compiled.dims[k], v) for k, v in known.items() if k in compiled.dims)}
    args = [known[name] if np.ndim(known[name]) else float(known[name]) for name in compiled.names]
    program = compiled.program({name: np.shape(known[name]) for name in compiled.names}, sizes)
    agree(compile_program(program), by_numpy(program), args, rtol=1e-11)


def test_history_is_the_same_step_by_step():
    """One batch an epoch: the history has every step."""
    rng = np.random.default_rng(7)
    t, z = T("T", n, 3), T("X", n, 7) @ T("W", 7, 3)
    loss = sd.sum(sd.logsumexp(z, axis=1)) - sd.sum(t * z)
    data = {"X": rng.normal(size=(20, 7)), "T": np.eye(3)[rng.integers(0, 3, 20)]}
    for method in ("gd", "momentum", "adam"):
        found = trained(loss, start([T("W", 7, 3)], rng), data, lr=0.01, epochs=30, method=method)
        np.testing.assert_allclose(found["native"].history, found["numpy"].history, rtol=1e-12)


def test_parameters_that_each_others_gradients_read():
    """A product that moves U at once would be read by the one that moves V (matrix factorisation), or by itself (W in x' W W)."""
    U, V, R, W = T("U", n, h), T("V", h, p), T("R", n, p), T("W", m, m)
    rng = np.random.default_rng(8)
    for a, b, c in ((6, 5, 3), (40, 30, 12)):
        first = {"U": rng.normal(size=(a, c)), "V": rng.normal(size=(c, b))}
        for sizes in (first, {"V": first["V"], "U": first["U"]}):
            same(trained(sd.sum((U @ V - R) ** 2) / 2, sizes, {"R": rng.normal(size=(a, b))}, lr=1e-3, epochs=9))
        same(trained(sd.sum((U @ V.T.T - 1) ** 2) / 2 + sd.sum(U[0]), first, {}, lr=1e-3, epochs=9))
    x = T("x", n, m)
    same(trained(sd.sum(x @ W @ W), {"W": rng.normal(size=(9, 9))}, {"x": rng.normal(size=(5, 9))}, lr=1e-3, epochs=9))


def test_callbacks_and_the_last_good_parameters_are_those_of_numpy():
    rng = np.random.default_rng(9)
    loss = sd.sum((T("X", n, p) @ w - T("v", n)) ** 2)
    data = {"X": rng.normal(size=(50, 7)), "v": rng.normal(size=50)}
    seen = {"numpy": [], "native": []}
    for backend, told in seen.items():

        def callback(epoch, value, params, told=told):
            told.append((epoch, value, params["w"].copy()))
            return epoch == 7

        sd.train(loss, params={"w": np.zeros(7)}, data=data, lr=1e-4, epochs=20, batch=16, backend=backend, progress=False, callback=callback)
    assert [e for e, *_ in seen["native"]] == list(range(1, 8))
    for (_, a, u), (_, b, v) in zip(*seen.values(), strict=True):
        assert a == pytest.approx(b, rel=1e-12)
        np.testing.assert_allclose(u, v, rtol=1e-12, atol=1e-14)
    kept = []
    for backend in ("numpy", "native"):
        with pytest.raises(sd.DivergenceError) as caught:
            sd.train(loss, params={"w": np.zeros(7)}, data=data, lr=10.0, epochs=500, backend=backend, progress=False, hoist=False)
        kept.append(caught.value)
    assert str(kept[0]) == str(kept[1]) and np.isfinite(kept[1].params["w"]).all()
    np.testing.assert_allclose(kept[1].params["w"], kept[0].params["w"], rtol=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(1, 40), (3, 41), (40, 50), (127, 77), (200, 96), (33, 384), (100, 400), (300, 340)])
def test_products_of_a_matrix_with_itself_are_symmetric_to_the_bit(rows: int, columns: int) -> None:
    m, n = sd.dims("m n")
    X, c = sd.tensor("X", m, n), sd.tensor("c", m)
    x, weight = np.random.default_rng(rows).standard_normal((rows, columns)), np.random.default_rng(1).random(rows) + 0.5
    for expr, wanted, args in (
        (X.T @ X, x.T @ x, [x]),
        (X @ X.T, x @ x.T, [x]),
        (3 * X.T @ X, 3 * x.T @ x, [x]),
        (X.T @ sd.diag(sd.exp(c)) @ X, x.T @ (np.exp(weight)[:, None] * x), [x, weight]),
    ):
        names = [X] if len(args) == 1 else [X, c]
        found = sd.lambdify(names, expr, backend="native")(*args)
        assert np.max(np.abs(found - wanted)) <= 1e-13 * np.max(np.abs(wanted))
        assert (found == found.T).all()


@pytest.mark.parametrize("rows", [321, 4096, 70_001])
@pytest.mark.parametrize("columns", [1, 7, 20, 200])
def test_tall_data_are_read_as_they_lie(rows: int, columns: int) -> None:
    """Products of tall matrices with vectors, forth and back: no copy of the data, and the same numbers as NumPy's."""
    m, n, k = sd.dims("m n k")
    X, v, d, D = sd.tensor("X", m, n), sd.tensor("v", n), sd.tensor("d", m), sd.tensor("D", m, k)
    rng = np.random.default_rng(columns)
    x, given = rng.standard_normal((rows, columns)), {"v": rng.standard_normal(columns), "d": rng.standard_normal(rows), "D": rng.standard_normal((rows, 3))}
    for name, expr, wanted in (
        ("v", X @ v, x @ given["v"]),
        ("d", X.T @ d, x.T @ given["d"]),
        ("D", X.T @ D, x.T @ given["D"]),
        ("D", D.T @ X, given["D"].T @ x),
    ):
        tensor = {"v": v, "d": d, "D": D}[name]
        f = sd.lambdify([X, tensor], expr, backend="native")
        found = f(x, given[name])
        scale = np.max(np.abs(x)) * np.sum(np.abs(given[name]))
        assert found.shape == wanted.shape and np.max(np.abs(found - wanted)) <= 1e-15 * scale
        if x.size > 65_536 and name != "D":
            assert "copy to order" not in str(f)


def test_whole_batches_of_large_data_are_not_copied() -> None:
    rows = 250_000
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 20))
    data, m, n = {"X": x, "y": (x[:, 0] > 0) * 1.0}, *sd.dims("m n")
    z = sd.tensor("X", m, n) @ sd.tensor("w", n)
    loss = sd.sum(sd.softplus(z) - sd.tensor("y", m) * z) / m
    one, two = (sd.train(loss, {"w": np.zeros(20)}, data, lr=0.1, epochs=3, backend=b) for b in ("native", "numpy"))
    assert "copy to order" not in str(one.plan)
    assert np.allclose(one.params["w"], two.params["w"], rtol=1e-12, atol=1e-14)


def test_results_stand_where_dead_arguments_stood() -> None:
    m, n = sd.dims("m n")
    O, U, V, W = (sd.tensor(x, m, n) if x in "OW" else sd.tensor(x, m if x == "U" else n, 5) for x in "OUVW")
    expr = (O * sd.tanh(U @ V.T - W) * W) @ V  # the product, the loop over it, and the last product
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s) for s in ((300, 200), (300, 5), (200, 5), (300, 200))]
    f = sd.lambdify([O, U, V, W], expr, backend="native")
    o, u, v, w = given
    assert np.max(np.abs(f(*given) - (o * np.tanh(u @ v.T - w) * w) @ v)) < 1e-11
    assert np.array_equal(f(*given), f(*given))
    held = next(line for line in str(f).split("\n") if "of buffers" in line)
    assert float(held.split(" kB of buffers")[0].split()[-1]) < 1.5 * 300 * 200 * 8 / 1000  # one matrix, not two
    # What a result shows, or another step reads, is not written over.
    g = sd.lambdify([O, U, V, W], [U @ V.T, sd.exp(U @ V.T) * O, (U @ V.T - W) @ V], backend="native")
    for found, wanted in zip(g(*given), [u @ v.T, np.exp(u @ v.T) * o, (u @ v.T - w) @ v], strict=True):
        assert np.max(np.abs(found - wanted)) < 1e-10 * np.max(np.abs(wanted))
