"""Ball arithmetic: what it says encloses the truth, and it says nothing where it cannot know."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.prove import precise
from symdl.prove.ball_field import OnBalls
from symdl.prove.balls import Balls, Shapes, magnitude
from symdl.prove.intervals import Blurred
from symdl.prove.precise import Enclosures, evaluate_precisely
from symdl.prove.stop import Clock, Stop

BITS = 256
FIELD = OnBalls(BITS)
x, y, A = sd.tensor("x", 3), sd.tensor("y", 3), sd.tensor("A", 3, 3)


def blurred(values, radii):
    """Balls around floats, each out by so many units."""
    made = FIELD.array(np.asarray(values, dtype=float))
    return made.like(made.mid, np.asarray(radii, dtype=float))


def inside(ball, truth):
    """Whether the truth, a fraction or an mpf, is in the ball."""
    unit = mpmath.mpf(2) ** -BITS
    with mpmath.workdps(400):
        return all(abs(mpmath.mpf(int(m)) * unit - t) <= r * unit for m, r, t in zip(ball.mid.reshape(-1), ball.rad.reshape(-1), truth, strict=True))


numbers = st.floats(-50, 50, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-30)


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=3), st.integers(0, 2**60), st.integers(-(2**60), 2**60))
def test_a_ball_holds_what_its_members_become(values, radius, off):
    """Members are moved within the ball; all that is done to balls is done to them with exact fractions, or 400 digits."""
    off = max(-radius, min(radius, off))
    a = blurred(values, [float(radius)] * len(values))
    with mpmath.workdps(400):
        member = [mpmath.mpf(int(m) + off) / mpmath.mpf(2) ** BITS for m in a.mid]
        assert inside(a * a + a, [v * v + v for v in member])
        assert inside(a.times_total(a, (0,)), [sum(v * v for v in member)])
        assert inside(a.scaled(7, 3), [v * 7 / 3 for v in member])
        for name, truth in (("sin", mpmath.sin), ("arctan", mpmath.atan), ("erf", mpmath.erf), ("tanh", mpmath.tanh), ("exp", mpmath.exp),
                            ("sigmoid", lambda v: 1 / (1 + mpmath.exp(-v))), ("softplus", lambda v: mpmath.log1p(mpmath.exp(v)))):  # fmt: skip
            assert inside(FIELD.functions[name](a), [truth(v) for v in member]), name
        positive = FIELD.functions["exp"](a)
        if all(v > -40 for v in values):
            assert inside(FIELD.functions["log"](positive), member)
            assert inside(positive.inverse(), [mpmath.exp(-v) for v in member])
            assert inside(FIELD.power(positive, Fraction(1, 2)), [mpmath.exp(v / 2) for v in member])


def test_magnitudes_bound():
    for mid in (0, 1, -1, 3**200, -(3**700), 10**3000):
        bound = magnitude(mid, BITS)
        assert (bound == 0) == (mid == 0)
        assert bound == np.inf or Fraction(bound) >= Fraction(abs(mid), 2**BITS)


@pytest.mark.parametrize("ask", [
    lambda z: z.inverse(), lambda z: z.sign(), FIELD.functions["log"], FIELD.functions["relu"], lambda z: FIELD.power(z, Fraction(1, 2)),
])  # fmt: skip
def test_what_may_be_zero_has_no_sign_and_no_inverse(ask):
    with pytest.raises(Blurred):
        ask(blurred([2.0**-200], [2.0**60]))


def test_whole_numbers_stay_exact():
    """Class numbers and masks: an equation of positions holds or does not."""
    a = FIELD.array(np.arange(4))
    assert not (a * a + a).rad.any()
    assert list(FIELD.functions["iszero"](a - FIELD.number(2)).floats()) == [0, 0, 1, 0]


def test_shapes():
    a, b = FIELD.array(np.arange(6).reshape(2, 3)), FIELD.number(Fraction(1, 3))
    assert Shapes.stack([a, Shapes.broadcast_to(b, (1, 3))], axis=1).shape == (2, 2, 3)
    assert (a * b).total((0, 1)).floats() == pytest.approx(5.0, rel=1e-15)
    assert isinstance(a[0], Balls) and a[0].shape == (3,)


FORMULAS = {
    "a(1 - a)": sd.sigmoid(x) * (1 - sd.sigmoid(x)), "softmax": sd.softmax(x) - sd.softmax(x) ** 2, "logsumexp": sd.logsumexp(x) - sd.max(x),
    "inverse": sd.inv(A) @ x, "determinant": sd.det(A), "log-determinant": sd.logdet(A @ A.T), "powers": (x**2 + 1) ** y, "cases": sd.elu(x) * sd.hardtanh(y),
    "matrix product": A @ A.T @ x, "window": sd.sum(sd.window(x, 2) ** 2, axis=1) if hasattr(sd, "window") else x, "gelu": sd.gelu(x) - x,
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_balls_say_what_intervals_say(name, monkeypatch):
    formula = FORMULAS[name]
    for scale in (1.0, 12.0, 1e-8, 60.0):
        rng = np.random.default_rng(7)
        values = {"x": scale * rng.normal(size=3), "y": rng.normal(size=3), "A": scale * rng.normal(size=(3, 3))}
        values = {k: v for k, v in values.items() if k in formula.inputs}
        monkeypatch.setattr(precise, "BALLS", (256, 1400))
        walk = Enclosures(values, [formula])
        fast = walk.value(formula, Clock(20))
        assert not walk._walks, "balls were enough"
        monkeypatch.setattr(precise, "BALLS", ())
        assert fast == pytest.approx(Enclosures(values, [formula]).value(formula, Clock(20)), rel=3e-15, abs=1e-290)


def test_where_numbers_are_too_large_for_balls_intervals_answer():
    z = sd.tensor("z")
    assert evaluate_precisely(sd.exp(z) * sd.exp(-z) - 1, {"z": 9000.0}) == 0.0
    assert evaluate_precisely(z**-99, {"z": 1e-3}) == pytest.approx(1e297, rel=1e-13)


def test_a_wrong_bound_would_be_seen(monkeypatch):
    """Without the errors of products the test of members above fails."""
    monkeypatch.setattr(Balls, "_error", lambda self, other: 0.0)
    a = blurred([3.0], [2.0**60])
    with mpmath.workdps(400):
        member = mpmath.mpf(int(a.mid[0]) + 2**60) / mpmath.mpf(2) ** BITS
        assert not inside(a * a, [member * member])


def test_no_time_no_answer():
    with pytest.raises(Stop):
        Enclosures({"x": np.ones(3)}, [FORMULAS["softmax"]]).value(FORMULAS["softmax"], Clock(-1))
