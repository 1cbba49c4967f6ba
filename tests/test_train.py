"""The training loop."""

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.train.loop import fit_loop

n, p = sd.dims("n p")
X, w, b, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("b"), sd.tensor("y", n)
loss = sd.sum((X @ w + b - y) ** 2) / (2 * n)
rng = np.random.default_rng(1)
XS = rng.normal(size=(50, 3))
YS = XS @ [1.0, -2.0, 0.5] + 0.25
DATA = {"X": XS, "y": YS}
START = {"w": np.zeros(3), "b": 0.0}


def _fit(**options):
    given = dict(params=START, data=DATA, lr=0.3, epochs=40, batch=16) | options
    expr = given.pop("loss", loss)
    return fit_loop(expr, sd.derive(expr, list(given["params"])).gradients, **given)


@pytest.mark.parametrize(("method", "lr"), [("gd", 0.3), ("momentum", 0.05), ("adam", 0.05)])
@pytest.mark.parametrize("batch", [None, 16, 50, 1000])
def test_converges(method, lr, batch):
    result = _fit(method=method, lr=lr, batch=batch, epochs=300)
    assert np.allclose(result.params["w"], [1.0, -2.0, 0.5], atol=1e-3)
    assert result.params["b"] == pytest.approx(0.25, abs=1e-3) and isinstance(result.params["b"], float)
    assert len(result.history) == 300 and result.history[-1] < 1e-5 < result.history[0]
    assert "300 epochs" in str(result) and result.seconds > 0


def test_same_as_written_by_hand():
    weights, bias = np.zeros(3), 0.0
    history = []
    for epoch in range(3):
        seen = []
        order = np.random.default_rng(epoch).permutation(50)
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            r = XS[rows] @ weights + bias - YS[rows]
            seen.append((r @ r) / (2 * len(rows)))
            weights, bias = weights - 0.3 * XS[rows].T @ r / len(rows), bias - 0.3 * r.mean()
        history.append(np.mean(seen))
    result = _fit(epochs=3, order=lambda epoch: np.random.default_rng(epoch).permutation(50))
    assert np.allclose(result.params["w"], weights, rtol=1e-12) and result.params["b"] == pytest.approx(bias, rel=1e-12)
    assert np.allclose(result.history, history, rtol=1e-12)


def test_momentum_and_adam_by_their_formulas():
    c = sd.tensor("c")
    simple = (c - 3) ** 2
    for method, mine in (("momentum", _momentum), ("adam", _adam)):
        result = fit_loop(simple, sd.derive(simple, ["c"]).gradients, {"c": 0.0}, {}, lr=0.1, epochs=5, method=method)
        assert result.params["c"] == pytest.approx(mine(), rel=1e-14)


def _momentum(c=0.0, v=0.0):
    for _ in range(5):
        v = 0.9 * v + 2 * (c - 3)
        c -= 0.1 * v
    return c


def _adam(c=0.0, m=0.0, s=0.0):
    for t in range(1, 6):
        g = 2 * (c - 3)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        c -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return c


def test_the_same_seed_gives_the_same_bits():
    first, second, other = _fit(seed=3), _fit(seed=3), _fit(seed=4)
    assert first.params["w"].tobytes() == second.params["w"].tobytes() and first.history == second.history
    assert first.params["w"].tobytes() != other.params["w"].tobytes()


def test_the_caller_keeps_his_arrays():
    start, data = {"w": np.ones(3), "b": 1.0}, {"X": XS.copy(), "y": YS.copy()}
    result = _fit(params=start, data=data)
    assert start["w"].tolist() == [1.0] * 3 and (data["X"] == XS).all() and (data["y"] == YS).all()
    assert not np.may_share_memory(result.params["w"], start["w"])
    _fit(params=start, data=data, batch=None)
    assert (data["X"] == XS).all()


@pytest.mark.parametrize("method", ["gd", "momentum", "adam"])
def test_resumed_is_uninterrupted_bit_for_bit(tmp_path, method):
    path = tmp_path / "state.npz"
    whole = _fit(epochs=9, method=method, lr=0.05, seed=5)
    _fit(epochs=4, method=method, lr=0.05, seed=5, checkpoint=path)
    rest = _fit(epochs=9, method=method, lr=0.05, seed=5, checkpoint=path, resume=True)
    assert rest.params["w"].tobytes() == whole.params["w"].tobytes() and rest.params["b"] == whole.params["b"]
    assert rest.history == whole.history
    done = _fit(epochs=9, method=method, lr=0.05, seed=5, checkpoint=path, resume=True)
    assert done.params["w"].tobytes() == whole.params["w"].tobytes()
    with np.load(path, allow_pickle=False) as file:
        assert int(file["epoch"]) == 9


def test_interrupted_in_the_middle(tmp_path):
    path = tmp_path / "state.npz"

    def stop(epoch, value, params):
        assert set(params) == {"w", "b"} and value > 0
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(epochs=6, checkpoint=path, callback=stop)
    rest = _fit(epochs=6, checkpoint=path, resume=True)
    assert rest.params["w"].tobytes() == _fit(epochs=6).params["w"].tobytes()


def test_callback_can_stop():
    assert len(_fit(epochs=10, callback=lambda epoch, value, params: epoch == 4).history) == 4


def test_data_without_samples_and_scalars():
    c, t = sd.tensor("c"), sd.tensor("t")
    simple = (c - t) ** 2
    result = fit_loop(simple, sd.derive(simple, ["c"]).gradients, {"c": 1}, {"t": 3}, lr=0.25, epochs=40)
    assert result.params["c"] == pytest.approx(3.0, abs=1e-9)


def test_progress_bar(capsys):
    pytest.importorskip("tqdm")
    _fit(epochs=2, progress=True)
    assert "training" in capsys.readouterr().err
    _fit(epochs=2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"lr": 0}, sd.errors.DataError, "lr is 0"),
        ({"lr": -0.1}, sd.errors.DataError, "lr is -0.1"),
        ({"lr": float("nan")}, sd.errors.DataError, "lr is nan"),
        ({"lr": float("inf")}, sd.errors.DataError, "lr is inf"),
        ({"lr": "fast"}, sd.errors.DataError, "lr is 'fast'"),
        ({"epochs": 0}, sd.errors.DataError, "epochs is 0"),
        ({"epochs": 1.5}, sd.errors.DataError, "epochs is 1.5"),
        ({"batch": 0}, sd.errors.DataError, "batch is 0"),
        ({"seed": -1}, sd.errors.DataError, "seed is -1"),
        ({"method": "magic"}, sd.errors.NameError_, "'magic' is not a method; there are gd, momentum, adam"),
        ({"method": ["gd"]}, sd.errors.NameError_, "['gd'] is not a method; there are gd, momentum, adam"),
        ({"mu": 0.9}, sd.errors.NameError_, "gd does not take mu"),
        ({"method": "momentum", "mu": 1.5}, sd.errors.DataError, "mu is 1.5"),
        ({"order": "backwards"}, sd.errors.NameError_, "not an order"),
        ({"order": lambda epoch: [50]}, sd.errors.DataError, "sample numbers from 0 to 49"),
        ({"data": {"X": XS}}, sd.errors.DataError, "no value given for y"),
        ({"data": DATA | {"q": [1]}}, sd.errors.NameError_, "q of data does not occur"),
        ({"data": DATA | {"w": np.zeros(3)}}, sd.errors.NameError_, "w is in params and in data"),
        ({"data": {"X": np.zeros((0, 3)), "y": np.zeros(0)}}, sd.errors.DataError, "X is empty"),
        ({"data": {"X": XS, "y": YS[:-1]}}, sd.errors.DataError, "y has shape (49,), but (n,) is expected, and n is 50 by the shape of X"),
        ({"data": {"X": np.where(XS > 2, np.nan, XS), "y": YS}}, sd.errors.DataError, "is nan"),
        ({"params": {"w": np.zeros(4), "b": 0.0}}, sd.errors.DataError, "p is"),
        ({"params": {"w": [0, np.inf, 0], "b": 0.0}}, sd.errors.DataError, "w[1] is inf"),
        ({"lr": 1e6, "epochs": 200}, sd.errors.DomainError, "training diverged; use a learning rate below 1e+06"),
        ({"resume": True}, sd.errors.DataError, "resume needs the checkpoint"),
        ({"checkpoint": "/nowhere/at/all/x.npz"}, sd.errors.DataError, "cannot be written"),
        ({"backend": "abacus"}, sd.errors.NameError_, "not a backend"),
    ],
)
def test_bad_input_is_one_clear_line(options, kind, words):
    with pytest.raises(kind) as caught:
        _fit(**options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_params_and_no_sample_axis(tmp_path):
    with pytest.raises(sd.errors.DataError, match="params is empty"):
        fit_loop(loss, {}, {}, DATA, lr=0.1, epochs=1)
    F = sd.tensor("F", 50, 3)
    fixed = sd.sum((F @ sd.tensor("v", 3)) ** 2)
    gradients = sd.derive(fixed, ["v"]).gradients
    with pytest.raises(sd.errors.DataError, match="no sample axis"):
        fit_loop(fixed, gradients, {"v": np.ones(3)}, {"F": XS}, lr=0.1, epochs=1, batch=5)
    K = sd.tensor("K", n, n)
    kernel = sd.sum((K @ sd.tensor("y", n) - sd.tensor("q")) ** 2)
    with pytest.raises(sd.errors.DataError, match="more than its first axis"):
        fit_loop(kernel, sd.derive(kernel, ["q"]).gradients, {"q": 1.0}, {"K": np.eye(4), "y": np.ones(4)}, lr=0.1, epochs=1, batch=2)


def test_a_checkpoint_of_something_else(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(sd.errors.DataError, match="not a checkpoint"):
        _fit(checkpoint=path, resume=True)
    _fit(checkpoint=path, epochs=1)
    with pytest.raises(sd.errors.DataError, match="of another training"):
        _fit(checkpoint=path, resume=True, method="adam")


def test_same_as_pytorch_over_200_steps():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    N = sd.dims("N")
    T, I = sd.tensor("T", N, 10), sd.tensor("I", N, 64)
    W1, b1, W2, b2 = sd.tensor("W1", 64, 30), sd.tensor("b1", 30), sd.tensor("W2", 30, 10), sd.tensor("b2", 10)
    net = sd.sum((sd.sigmoid(sd.sigmoid(I @ W1 + b1) @ W2 + b2) - T) ** 2) / 2
    random = np.random.default_rng(0)
    images, targets = random.uniform(size=(400, 64)), np.eye(10)[random.integers(0, 10, 400)]
    start = {"W1": random.normal(size=(64, 30)) * 0.2, "b1": np.zeros(30), "W2": random.normal(size=(30, 10)) * 0.3, "b2": np.zeros(10)}
    orders = [random.permutation(400)[:320] for _ in range(20)]
    mine = fit_loop(net, sd.derive(net, list(start)).gradients, start, {"I": images, "T": targets}, lr=0.1, epochs=20, batch=32, order=lambda e: orders[e])
    held = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in start.items()}
    optimiser = torch.optim.SGD(list(held.values()), lr=0.1)
    steps = 0
    for order in orders:
        for at in range(0, 320, 32):
            rows = order[at : at + 32]
            x, t = torch.tensor(images[rows]), torch.tensor(targets[rows])
            a = torch.sigmoid(torch.sigmoid(x @ held["W1"] + held["b1"]) @ held["W2"] + held["b2"])
            optimiser.zero_grad()
            (((a - t) ** 2).sum() / 2).backward()
            optimiser.step()
            steps += 1
    assert steps == 200
    for name, value in mine.params.items():
        theirs = held[name].detach().numpy()
        assert np.max(np.abs(value - theirs)) <= 1e-9 * np.max(np.abs(theirs))


def test_sizes_that_are_equal_without_being_one_object_are_one_size():
    n = sd.dims("n")
    y = sd.tensor("y", n)
    sp.core.cache.clear_cache()  # SymPy forgets symbols that it has not seen for a while
    X = sd.tensor("X", sd.dims("n"), 3)
    loss = sd.sum((X @ sd.tensor("w", 3) - y) ** 2)
    data = {"X": np.ones((5, 3)), "y": np.zeros(5)}
    assert sd.train(loss, {"w": np.ones(3)}, data, lr=0.01, epochs=2, batch=2).history
