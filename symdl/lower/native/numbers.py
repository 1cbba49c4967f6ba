"""Steps on numbers: lines of C with doubles, where arrays have loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdl.lower.native.functions import number as digits
from symdl.lower.native.functions import operation, table_function
from symdl.lower.native.places import seen
from symdl.lower.native.standing import ref
from symdl.lower.program import VIEWS, Instruction, Ref

if TYPE_CHECKING:
    from symdl.lower.native.program import Builder


def scalar_step(builder: Builder, n: int, step: Instruction) -> list[str]:
    """The line of a step whose result is a number."""
    to = builder.scalar(Ref(n))
    if step.op in VIEWS:
        place = seen(step, builder.place(ref(step.args[0])))
        assert place is not None
        return [f"{to} = *({place.pointer()});"]
    args = [builder.scalar(a) for a in step.args]
    if step.op == "linear":
        weights, offset = step.attr
        return [f"{to} = {' + '.join([f'{digits(w)}*{a}' for w, a in zip(weights, args, strict=True)] + [digits(offset)])};"]
    if step.op == "product":
        coef, above = step.attr
        return [f"{to} = {' * '.join([digits(coef), *args[:above]])}{''.join(f' / {a}' for a in args[above:])};"]
    if step.op == "pow":
        if step.attr == -1.0:
            return [f"{to} = 1.0 / {args[0]};"]
        if step.attr in (2.0, 3.0, 4.0):
            return [f"{to} = {' * '.join(args * int(step.attr))};"]
        return [f"{to} = __builtin_pow({args[0]}, {digits(step.attr)});"]
    vectors = [f"dup({a})" for a in args]
    if step.op == "call":
        return [f"{to} = first({table_function(step.attr, vectors, builder.helpers)});"]
    if step.op in ("sigmoid", "cosigmoid"):
        return [f"{to} = first(logistic({vectors[0]}).{'one' if step.op == 'sigmoid' else 'other'});"]
    return [f"{to} = first({operation(step.op, vectors)});"]


__all__ = ["scalar_step"]
