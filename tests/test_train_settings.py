"""What a training is asked for, and the arrays it is given: refused in one line that names the thing, before any step; or understood."""

import decimal
import fractions
import re

import numpy as np
import pytest
import sympy as sp

import symdl as sd

n, p = sd.dims("n p")
X, w, b, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("b"), sd.tensor("y", n)
loss = sd.mean((sd.sigmoid(X @ w + b) - y) ** 2)
rng = np.random.default_rng(0)
XS, YS = rng.normal(size=(20, 3)), (rng.random(20) > 0.5) * 1.0


def fit(**options):
    given = dict(loss=loss, params={"w": np.zeros(3), "b": 0.0}, data={"X": XS, "y": YS}, lr=0.1, epochs=3, batch=6, seed=3) | options
    return sd.train(given.pop("loss"), given.pop("params"), given.pop("data"), **given)


TWO = np.ones(2)
REFUSED = [
    ({"params": ["w"]}, "params is \\['w'\\]"),
    ({"params": "w"}, "params is 'w'"),
    ({"params": None}, "params is None"),
    ({"params": {}}, "params is empty"),
    ({"params": {3: 1.0}}, "3 of params is not the name"),
    ({"params": {"w": np.zeros(3), w: np.zeros(3), "b": 0.0}}, "w stands twice"),
    ({"data": [XS, YS]}, "data is"),
    ({"data": 0}, "data is 0"),
    ({"lr": TWO}, "lr is"),
    ({"lr": np.array(0.0)}, "lr is"),
    ({"lr": True}, "lr is True"),
    ({"lr": 10**400}, "lr is"),
    ({"lr": sp.Symbol("a")}, "lr is a"),
    ({"lr": 1j}, "lr is 1j"),
    ({"epochs": TWO}, "epochs is"),
    ({"batch": TWO}, "batch is"),
    ({"seed": "1"}, "seed is '1'"),
    ({"resume": TWO}, "resume is"),
    ({"resume": True}, "checkpoint=FILE"),
    ({"progress": TWO}, "progress is"),
    ({"progress": "yes"}, "progress is 'yes'"),
    ({"hoist": TWO}, "hoist is"),
    ({"hoist": "yes"}, "hoist is 'yes'; it must be \"auto\", True or False"),
    ({"order": 3}, "3 is not an order"),
    ({"order": "random"}, "'random' is not an order"),
    ({"order": TWO}, "is not an order"),
    ({"callback": 3}, "callback is 3"),
    ({"checkpoint": 3}, "checkpoint is 3"),
    ({"checkpoint": ""}, "checkpoint is ''"),
    ({"checkpoint": "."}, "checkpoint is '.'"),
    ({"method": "momentum", "mu": "a"}, "mu is 'a'; it must be a number"),
    ({"method": "momentum", "mu": None}, "mu is None"),
    ({"method": "adam", "beta1": TWO}, "beta1 is"),
    ({"method": "adam", "mu": 0.5}, "adam does not take mu; it takes beta1, beta2, eps"),
    ({"learning_rate": 0.1}, "gd does not take learning_rate"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[f"{next(iter(o))}-{k}" for k, (o, _) in enumerate(REFUSED)])
def test_refused_in_one_line(options, words):
    with pytest.raises(sd.SymdlError, match=words) as caught:
        fit(**options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_nothing_is_run_before_the_callback_is_looked_at(tmp_path):
    with pytest.raises(sd.DataError):
        fit(callback=3, checkpoint=tmp_path / "state.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lr", [fractions.Fraction(1, 10), sp.Rational(1, 10), sp.Float("0.1"), np.array(0.1), np.float64(0.1)], ids=repr)
def test_rates_of_every_kind(lr):
    assert fit(lr=lr).history == fit(lr=0.1).history


def test_a_decimal_is_no_rate_and_says_so():
    with pytest.raises(sd.DataError, match="Decimal"):
        fit(lr=decimal.Decimal("0.1"))


def test_tensors_as_keys():
    found = fit(params={w: np.zeros(3), b: 0.0}, data={X: XS, y: YS})
    assert set(found.params) == {"w", "b"} and found.history == fit().history


class Arrays:
    """As a data frame: an array by __array__ alone."""

    def __init__(self, array, error=None):
        self.array, self.error = array, error

    def __array__(self, dtype=None, copy=None):
        if self.error is not None:
            raise self.error
        return self.array


def strided(array):
    room = np.zeros((2 * array.shape[0], 2 * array.shape[1]))
    room[::2, ::2] = array
    return room[::2, ::2]


def frozen(array):
    made = array.copy()
    made.flags.writeable = False
    return made


def mapped(path, array):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


KINDS = {
    "fortran": np.asfortranarray,
    "strided": strided,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "read-only": frozen,
    "lists": np.ndarray.tolist,
    "tuples": lambda a: tuple(map(tuple, a)),
    "objects": lambda a: a.astype(object),
    "other end first": lambda a: a.astype(">f8"),
    "long doubles": lambda a: a.astype(np.longdouble),
    "an array of another package": Arrays,
    "masked, with nothing masked": np.ma.masked_array,
}


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_same_numbers_in_any_form_give_the_same_bits(backend, tmp_path):
    if backend == "native":
        pytest.importorskip("symdl.lower.native")
    wanted = fit(backend=backend)
    for kind, change in KINDS.items():
        assert fit(backend=backend, data={"X": change(XS), "y": YS}).history == wanted.history, kind
    for order in "CF":
        on_disk = mapped(tmp_path / f"{order}.npy", np.asarray(XS, order=order))
        assert fit(backend=backend, data={"X": on_disk, "y": YS}).history == wanted.history, order


def test_what_is_masked_is_not_taken_for_a_number():
    with pytest.raises(sd.DataError, match="X is a masked array"):
        fit(data={"X": np.ma.masked_array(XS, mask=XS > 1), "y": YS})
    with pytest.raises(sd.DataError, match="x is a masked array"):
        sd.evaluate(sd.sum(sd.tensor("x", n)), x=np.ma.masked_array([1.0, 2.0], mask=[0, 1]))


def test_an_array_that_refuses_to_be_one():
    for error, words in ((RuntimeError("use detach()\nplease"), "X: a Arrays cannot be read as an array: use detach\\(\\)$"), (KeyError(), "KeyError$")):
        with pytest.raises(sd.DataError, match=words):
            fit(data={"X": Arrays(XS, error), "y": YS})


@pytest.mark.parametrize(("axes", "order"), [((5, n, 4), "1, 0, 2"), ((5, 4, n), "1, 2, 0")])
def test_samples_on_another_axis_are_told_how_to_come_first(axes, order):
    """Recurrent layers take their steps first; what is told to do is right."""
    target = sd.tensor("t", n)
    second = axes.index(n)
    sizes = tuple(6 if size == n else size for size in axes)
    values = np.random.default_rng(0).normal(size=sizes)
    given = {"params": {"u": 0.5}, "lr": 0.01, "epochs": 2, "seed": 0}
    scale = sd.tensor("u")

    def summed(x):
        rest = tuple(a for a in range(3) if a != second)
        return sd.sum((scale * sd.sum(x, axis=rest) - target) ** 2)

    with pytest.raises(
        sd.DataError, match=re.escape(f"axis {second}, and batches are cut along the first: give it with the samples first, and write x.transpose({order})")
    ):
        sd.train(summed(sd.tensor("x", *axes)), data={"x": values, "t": np.ones(6)}, batch=2, **given)
    first = sd.tensor("x", n, *(s for s in axes if s != n))
    turned = first.transpose(*map(int, order.split(", ")))
    assert turned.shape == axes
    whole = sd.train(summed(sd.tensor("x", *axes)), data={"x": values, "t": np.ones(6)}, **given)
    again = sd.train(summed(turned), data={"x": np.moveaxis(values, second, 0), "t": np.ones(6)}, **given)
    assert again.params["u"] == pytest.approx(whole.params["u"], rel=1e-12)
    sd.train(summed(turned), data={"x": np.moveaxis(values, second, 0), "t": np.ones(6)}, batch=2, **given)
