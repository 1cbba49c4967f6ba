"""Every fuzz target on its seeds and on inputs drawn at random: a few seconds each of what ``python -m fuzz`` does for minutes."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE))

from fuzz import graphs  # noqa: E402
from fuzz.draws import Draws  # noqa: E402
from fuzz.limits import TooLong, within  # noqa: E402
from fuzz.targets import NAMES  # noqa: E402

#: How many inputs beside the seeds.
COUNT = {"text": 60, "latex": 60, "derivatives": 40, "prover": 25, "lowering": 80, "stored": 150, "arguments": 60, "pages": 12}
#: Times the seconds that one input may take: the machine may be slow.
PATIENCE = 3


def one(target):
    return importlib.import_module(f"fuzz.targets.{target}").one


def seeds(target):
    return sorted((HERE / "fuzz" / "seeds" / target).iterdir())


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_seeds(target):
    assert seeds(target)
    for path in seeds(target):
        with within(10.0 * PATIENCE):
            one(target)(path.read_bytes())


def changed(data, rng):
    """As a fuzzer changes bytes: one replaced, put in, taken out, or a stretch repeated."""
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at] + rng.randbytes(1) + data[at + 1 :]
    if kind == 1:
        return data[:at] + rng.randbytes(1) + data[at:]
    return data[:at] + data[at + 1 + rng.randrange(4) :] if kind == 2 else data[:at] + data[at // 2 : at] + data[at:]


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_inputs_at_random(target):
    rng = random.Random(target)
    known = [path.read_bytes() for path in seeds(target)]
    for k in range(COUNT[target]):
        data = rng.randbytes(rng.randint(4, 60)) if k % 2 else changed(changed(rng.choice(known), rng), rng)
        with within(10.0 * PATIENCE):
            one(target)(data)


def test_graphs_have_every_kind_of_node():
    from symdl.functions import TABLE
    from symdl.graph.walk import topological

    rng = random.Random(1)
    kinds, functions, deltas = set(), set(), False
    for _ in range(1500):
        for node in topological([graphs.expression(Draws(rng.randbytes(60))).node]):
            kinds.add(node.op)
            functions |= {node.attr} if node.op == "fn" else set()
            deltas = deltas or (node.op == "mul" and bool(node.attr.deltas))
    assert kinds == {"input", "const", "position", "add", "mul", "pow", "fn", "reduce", "matrix", "let", "recur"}
    assert functions == set(TABLE) and deltas


def test_an_alarm_rings():
    with pytest.raises(TooLong), within(0.05):
        while True:
            pass


def test_a_wrong_gradient_is_found(monkeypatch):
    """The harness sees what it is there to see."""
    import symdl as sd
    from fuzz.targets import derivatives

    right = sd.derive

    def wrong(loss, wrt):
        made = right(loss, wrt)
        made.gradients.update({name: g * 2 for name, g in made.gradients.items()})
        return made

    monkeypatch.setattr(derivatives.sd, "derive", wrong)
    rng = random.Random(2)
    with pytest.raises(AssertionError):
        for _ in range(60):
            derivatives.one(rng.randbytes(30))


def test_a_prover_that_says_yes_is_found(monkeypatch):
    from fuzz.targets import prover
    from symdl.steps.verdict import Verdict

    rng = random.Random(3)
    for said in ("PROVED", "REFUTED"):
        monkeypatch.setattr(prover.sd, "prove", lambda *_, said=said, **__: Verdict(said, "nothing"))
        with pytest.raises(AssertionError):
            for _ in range(60):
                prover.one(rng.randbytes(30))
