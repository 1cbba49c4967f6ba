"""Calls of functions again and again: the short way that they take gives the same results and the same errors as the first call."""

from __future__ import annotations

import itertools
import threading
import time
import warnings

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError, DomainError, ShapeError, SymdlError
from symdl.lower.native.entry import layout_is_known
from symdl.lower.native.toolchain import compiler

BACKENDS = ["numpy", pytest.param("native", marks=pytest.mark.skipif(compiler() is None, reason="no C compiler"))]

n, m = sd.dims("n m")
x, A, s = sd.tensor("x", n), sd.tensor("A", m, n), sd.tensor("s")
LOSS = s * sd.sum(sd.exp(A @ x) ** 2)


def numbers(size: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(size), rng.standard_normal((size + 1, size)) / size, 0.5


def expected(x: np.ndarray, A: np.ndarray, s: float) -> tuple[float, np.ndarray]:
    e = np.exp(2 * np.asarray(A) @ np.asarray(x))
    return float(s * e.sum()), 2 * s * np.asarray(A).T @ e


def both(backend: str):
    """The loss and its gradient, after some calls of these shapes."""
    f = sd.lambdify([x, A, s], [LOSS, sd.grad(LOSS, "x")], backend=backend)
    for _ in range(3):
        f(*numbers())
    return f


@pytest.mark.parametrize("backend", BACKENDS)
def test_later_calls_give_what_the_first_gives(backend: str) -> None:
    f = both(backend)
    for seed, size in itertools.product(range(3), (5, 5, 7, 7, 7, 5)):
        given = numbers(size, seed)
        value, gradient = f(*given)
        right = expected(*given)
        assert type(value) is float and type(gradient) is np.ndarray and gradient.dtype == np.float64
        assert abs(value - right[0]) <= 1e-12 * abs(right[0])
        assert np.allclose(gradient, right[1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_are_the_callers_own(backend: str) -> None:
    f = both(backend)
    first = f(*numbers(seed=1))
    kept = first[1].copy()
    second = f(*numbers(seed=2))
    assert np.array_equal(first[1], kept) and not np.shares_memory(first[1], second[1])
    second[1][:] = 7.0
    assert np.array_equal(f(*numbers(seed=1))[1], kept)
    assert first[1].flags.writeable and first[1].flags.c_contiguous


@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_are_never_written_to_and_never_returned(backend: str) -> None:
    f = sd.lambdify([x], [x, 2 * x, x], backend=backend)
    for _ in range(3):
        given = np.arange(4.0)
        one, two, three = f(given)
        one[:] = two[:] = 9.0
        assert np.array_equal(given, np.arange(4.0)) and np.array_equal(three, given) and not np.shares_memory(three, given)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_array_for_several_arguments(backend: str) -> None:
    y = sd.tensor("y", n)
    f = sd.lambdify([x, y], [sd.sum(x * y), x - y], backend=backend)
    for k in range(3):
        same = np.arange(6.0) + k
        value, difference = f(same, same)
        assert value == same @ same and not difference.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_forms_of_the_same_numbers(backend: str) -> None:
    """What is no plain array of doubles row by row is converted, after any number of calls."""
    f = both(backend)
    at, matrix, scale = numbers()
    forms = {
        "lists": (at.tolist(), matrix.tolist(), scale),
        "columns": (at, np.asfortranarray(matrix), scale),
        "every other": (np.repeat(at, 2)[::2], np.repeat(matrix, 2, axis=1)[:, ::2], scale),
        "backwards": (at[::-1].copy()[::-1], matrix, scale),
        "other byte order": (at.astype(">f8"), matrix.astype(">f8"), scale),
        "scalars of NumPy": (at, matrix, np.float64(scale)),
        "array without axes": (at, matrix, np.array(scale)),
        "read only": (at, np.frombuffer(matrix.tobytes()).reshape(matrix.shape), scale),
        "not at whole addresses": (np.frombuffer(b"\0" + at.tobytes(), np.uint8)[1:].view(np.float64), matrix, scale),
        "subclass": (at, np.asarray(matrix).view(_Own), scale),
        "memmap-like": (at.view(_Own), matrix, scale),
    }
    right = expected(at, matrix, scale)
    for name, given in forms.items():
        for _ in range(2):
            value, gradient = f(*given)
            assert abs(value - right[0]) <= 1e-12 * right[0], name
            assert type(gradient) is np.ndarray and np.allclose(gradient, right[1], rtol=1e-12), name
            f(at, matrix, scale)
    assert f(at.round().astype(int), matrix, 2)[0] == pytest.approx(expected(at.round(), matrix, 2)[0], rel=1e-12)
    assert f(at > 0, matrix, True)[0] == pytest.approx(expected((at > 0) * 1.0, matrix, 1)[0], rel=1e-12)
    single = f(at.astype(np.float32), matrix, scale)
    assert single[0] == pytest.approx(right[0], rel=1e-5)


class _Own(np.ndarray):
    pass


def _wrong() -> dict[str, tuple]:
    at, matrix, scale = numbers()
    other = np.where(np.arange(5) == 3, np.nan, at)
    masked = np.ma.masked_array(at, mask=[True, False, False, False, False])
    return {
        "length": (at[:4], matrix, scale),
        "axes": (at, matrix[0], scale),
        "more axes": (at, matrix[None], scale),
        "axes of a scalar": (at, matrix, np.ones(1)),
        "scalar for a vector": (1.0, matrix, scale),
        "transposed": (at, np.ascontiguousarray(matrix.T), scale),
        "nan": (other, matrix, scale),
        "infinity": (at, np.where(matrix == matrix[2, 2], np.inf, matrix), scale),
        "minus infinity and infinity": (np.array([np.inf, -np.inf, 0, 0, 0]), matrix, scale),
        "nan scalar": (at, matrix, float("nan")),
        "infinite scalar": (at, matrix, float("inf")),
        "text": ("at", matrix, scale),
        "nothing": (None, matrix, scale),
        "objects": (np.array([object()] * 5), matrix, scale),
        "complex": (at + 1j, matrix, scale),
        "masked": (masked, matrix, scale),
        "too few": (at, matrix),
        "too many": (at, matrix, scale, scale),
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_are_those_of_a_first_call(backend: str) -> None:
    for name, given in _wrong().items():
        fresh = sd.lambdify([x, A, s], [LOSS, sd.grad(LOSS, "x")], backend=backend)
        with pytest.raises(SymdlError) as first:
            fresh(*given)
        f = both(backend)
        for _ in range(2):
            with pytest.raises(SymdlError) as later:
                f(*given)
            assert type(later.value) is type(first.value) and str(later.value) == str(first.value), name
            assert "\n" not in str(later.value)
            value, gradient = f(*numbers())  # and it goes on
            assert value == pytest.approx(expected(*numbers())[0], rel=1e-12) and np.isfinite(gradient).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_kinds_of_errors(backend: str) -> None:
    f = both(backend)
    wrong = _wrong()
    for name in ("nan", "infinity", "minus infinity and infinity", "nan scalar", "infinite scalar", "text", "too few"):
        with pytest.raises(DataError):
            f(*wrong[name])
    for name in ("length", "axes", "transposed"):
        with pytest.raises((DataError, ShapeError)):
            f(*wrong[name])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", ["scalar", "tensor", "scalar and tensor"])
def test_results_that_are_not_finite_are_refused(backend: str, place: str) -> None:
    wanted = {"scalar": sd.sum(sd.log(x)), "tensor": sd.log(x), "scalar and tensor": [sd.sum(sd.log(x)), 1 / x]}[place]
    f = sd.lambdify([x], wanted, backend=backend)
    for bad in (0.0, -1.0):
        good = np.array([1.0, 2.0, 3.0])
        for _ in range(3):
            f(good)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DomainError, match="infinite" if bad == 0.0 else "not a number"):
                f(np.array([1.0, bad, 3.0]))
        f(good)


@pytest.mark.parametrize("backend", BACKENDS)
def test_large_numbers_whose_squares_overflow(backend: str) -> None:
    f = sd.lambdify([x], [2 * x, sd.sum(x)], backend=backend)
    for _ in range(3):
        doubled, total = f(np.array([1e200, -1e300, 3.0]))
        assert np.array_equal(doubled, [2e200, -2e300, 6.0]) and total == pytest.approx(-1e300)
        with pytest.raises(DomainError):
            f(np.array([1e308, -1e308, 1e308]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_singular_matrix_is_refused_each_time(backend: str) -> None:
    M = sd.tensor("M", n, n)
    f = sd.lambdify([M, x], [sd.inv(M) @ x, sd.logdet(M)], backend=backend)
    regular, singular = 2 * np.eye(3), np.ones((3, 3))
    for _ in range(3):
        solution, value = f(regular, np.ones(3))
        assert np.allclose(solution, 0.5) and value == pytest.approx(3 * np.log(2))
        with pytest.raises(DomainError):
            f(singular, np.ones(3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_callers_floating_point_state_stays_and_no_warning_is_given(backend: str) -> None:
    f = sd.lambdify([x], sd.sum(sd.exp(-sd.exp(x))), backend=backend)
    before = np.geterr()
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        inside = np.geterr()
        for _ in range(3):
            assert f(np.array([800.0, -800.0, 6.0])) == pytest.approx(1.0)
        assert np.geterr() == inside
    assert np.geterr() == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_threads_call_one_function(backend: str) -> None:
    f = both(backend)

    given = [numbers(5 + k % 2, seed=k) for k in range(6)]
    right = [expected(*values) for values in given]
    faults: list[str] = []

    def work(k: int) -> None:
        kept = []
        for _ in range(300):
            value, gradient = f(*given[k])
            kept.append(gradient)
            if abs(value - right[k][0]) > 1e-11 * right[k][0] or not np.allclose(gradient, right[k][1], rtol=1e-11):
                faults.append(f"thread {k}: {value} instead of {right[k][0]}")
        if any(not np.array_equal(gradient, kept[0]) for gradient in kept):
            faults.append(f"thread {k}: a result was changed by a later call")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[:3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_order_and_nesting_of_arguments_and_results(backend: str) -> None:
    at, matrix, scale = numbers()
    value, gradient = expected(at, matrix, scale)
    backwards = sd.lambdify([s, A, x], (sd.grad(LOSS, "x"), [LOSS, (LOSS,)]), backend=backend)
    nested = sd.lambdify([[x, A], s], LOSS, backend=backend)
    for _ in range(3):
        found, (one, (two,)) = backwards(scale, matrix, at)
        assert np.allclose(found, gradient, rtol=1e-12) and one == two == pytest.approx(value, rel=1e-12)
        assert nested([at, matrix], scale) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_precision_stays_single(backend: str) -> None:
    try:
        f = sd.lambdify([x, A, s], [LOSS, sd.grad(LOSS, "x")], backend=backend, dtype="float32")
        f(*numbers())
    except SymdlError as reason:
        assert backend == "native", reason
        return
    for _ in range(3):
        value, gradient = f(*numbers())
        assert gradient.dtype == np.float32 and value == pytest.approx(expected(*numbers())[0], rel=1e-5)


@pytest.mark.skipif(compiler() is None or not layout_is_known(), reason="no C compiler, or another Python")
def test_a_small_call_of_native_code_takes_microseconds() -> None:
    f = sd.lambdify([x, A, s], LOSS, backend="native")
    given = numbers(10)
    assert f(*given) == f(*given)
    best = 1.0
    for _ in range(20):
        begun = time.process_time()
        for _ in range(1000):
            f(*given)
        best = min(best, (time.process_time() - begun) / 1000)
    assert best < 15e-6  # 2 on an idle machine


def _formulas() -> dict[str, object]:
    y, B, C = sd.tensor("y", n), sd.tensor("B", n, n), sd.tensor("C", n, n)
    loss = sd.sum(sd.log(1 + sd.exp(-y * (B @ x))))
    return {
        "product": sd.sum(x * y),
        "hidden by a saturated function": sd.sum(sd.exp(-sd.exp(x + y))),
        "hidden by a maximum": sd.sum(sd.relu(B @ x - y)),
        "maximum of all": sd.max(x) + sd.sum(y),
        "divided by": sd.sum(y / (1 + sd.exp(x))),
        "reciprocals": sd.sum(1 / (3 + x * x)) + sd.sum(y),
        "tanh": sd.sum(sd.tanh(B @ x) * y),
        "softmax": sd.softmax(B @ x + y),
        "logsumexp": sd.logsumexp(x) - sd.logsumexp(C @ y),
        "chain": C @ (B @ x),
        "transposed": x @ B @ C.T @ y,
        "element": x[0] * y[1] + sd.sum(B[0] * x) + sd.sum(y),
        "diagonal": sd.trace(B) * sd.sum(x) + sd.sum(B * C),
        "powers": sd.sum(x**2 * y**3) + sd.sum((1 + x**2) ** (-1)),
        "logistic regression": [loss, sd.grad(loss, "x")],
        "its Hessian": sd.hessian(loss, "x"),
        "outer": sd.outer(x, y) + B,
        "several": [sd.sum(x), y, B @ y, s * x],
        "scalars": s * sd.exp(s) * sd.sum(x) / (1 + s**2),
        "a scalar that saturates": sd.tanh(s) * sd.sum(x) + sd.exp(-(s**2)),
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", _formulas())
def test_every_number_given_is_looked_at(backend: str, name: str) -> None:
    """NaN and infinity are refused wherever they stand: beside zeros, and where a function would swallow them."""
    wanted = _formulas()[name]
    names = sorted({i for e in (wanted if isinstance(wanted, list) else [wanted]) for i in e.inputs})
    f = sd.lambdify(names, wanted, backend=backend)
    rng = np.random.default_rng(3)
    for zeros in (False, True):
        given = {"s": 0.0 if zeros else 0.7}
        for k in "xyBC":
            given[k] = rng.standard_normal((3, 3) if k in "BC" else 3) * (not zeros)
        for _ in range(3):
            right = f(*[given[k] for k in names])
        for argument in names:
            for bad in (np.nan, np.inf, -np.inf):
                for place in range(np.size(given[argument])):
                    wrong = np.array(given[argument])
                    wrong.flat[place] = bad
                    values = [float(wrong) if k == argument == "s" else wrong if k == argument else given[k] for k in names]
                    with pytest.raises(DataError, match=argument):
                        f(*values)
                again = f(*[given[k] for k in names])
                assert all(np.array_equal(a, b) for a, b in zip(_listed(again), _listed(right), strict=True))


def _listed(results: object) -> list:
    return results if isinstance(results, list) else [results]


def test_whole_numbers_for_scalars() -> None:
    f = sd.lambdify([s, x], s * sd.sum(x))
    for _ in range(3):
        assert f(2, np.ones(3)) == f(2.0, np.ones(3)) == f(np.float64(2), np.ones(3)) == 6.0
        assert f(True, np.ones(3)) == 3.0
        with pytest.raises(DataError):
            f(10**400, np.ones(3))
