"""What is declared of an input (``symdl.expr.facts``), as relations of its entries."""

from __future__ import annotations

from collections.abc import Sequence

from symdl.graph.node import Size
from symdl.prove.everysize.atom import ONE, Atom, Factor
from symdl.prove.everysize.relations import Relations


def state_facts(ring: Relations, atom: Atom, facts: frozenset[str], shape: Sequence[Size]) -> None:
    """Rows that add up to 1; a single 1 in every row; orthogonal rows and columns."""
    rank = atom.rank
    outer = tuple(range(rank - 1))
    if facts & {"simplex", "onehot"}:
        _summed(ring, [(atom.number, (*outer, rank))], rank, shape[-1], ONE)
    if "onehot" in facts:
        one, other = (atom.number, (*outer, rank)), (atom.number, (*outer, rank + 1))
        ring.state(((one, 1), (other, 1)), ring.mul(ring.delta(rank, rank + 1), {((one, 1),): 1}))
    if "orthogonal" in facts:
        for here, there in (((2, 0), (2, 1)), ((0, 2), (1, 2))):
            _summed(ring, [(atom.number, here), (atom.number, there)], 2, shape[0], ring.delta(0, 1))


def _summed(ring: Relations, factors: Sequence[Factor], label: int, size: Size, value: dict) -> None:
    total = ring.network([((n, ring.atoms[n].settled(idx)), 1) for n, idx in factors], {label: size})
    ((mono, _),) = total.items()
    ring.state(mono, dict(value))
