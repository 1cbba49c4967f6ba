"""A program made ready for native code: what NumPy's way of writing needs and native code does not is taken out."""

from __future__ import annotations

from symdl.errors import UnsupportedError
from symdl.lower.program import ELEMENTWISE, Instruction, Operand, Output, Program, Ref, without_dead_code

#: Elementwise here: those of NumPy, and functions of the table.
LOGISTIC = frozenset(["sigmoid", "cosigmoid"])


def prepared(program: Program) -> Program:
    """sigmoid and cosigmoid as functions of their argument alone, so that the flag for overflow and its exp are not computed; columns times rows as
    elementwise products, which share a loop with what reads them.
    """
    if program.dtype != "float64":
        raise UnsupportedError(f"the native backend computes in float64, and not in {program.dtype}: use backend='numpy'")
    code: list[Instruction] = []
    outer = _outer(program)
    for number, step in enumerate(program.code):
        if step.op in LOGISTIC:
            step = Instruction(step.op, step.args[:1], None, step.shape)
        elif number in outer:
            step = Instruction("multiply", step.args, None, step.shape)
        code.append(step)
    kept, new = without_dead_code(code, [o.value for o in program.outputs], len(program.inputs))

    def renamed(value: Operand) -> Operand:
        return new[value] if isinstance(value, Ref) else value

    return Program(program.inputs, tuple(kept), tuple(Output(renamed(o.value), o.shape) for o in program.outputs), program.dtype)


def _outer(program: Program) -> set[int]:
    """Products of a column and a row that only elementwise instructions read: where one is a result it may be added up where it is computed."""
    found = {n for n, step in enumerate(program.code) if step.op == "dot" and len(step.shape) == 2 and _inner_size(program, step) == 1}
    others = {int(a) for step in program.code if found and not is_elementwise(step) for a in step.args if isinstance(a, Ref)}
    return found - others - {int(o.value) for o in program.outputs if isinstance(o.value, Ref)}


def _inner_size(program: Program, step: Instruction) -> int:
    left = step.args[0]
    assert isinstance(left, Ref)
    return program.code[left].shape[-1]


def is_elementwise(step: Instruction) -> bool:
    return bool(step.shape) and (step.op in ELEMENTWISE or step.op in LOGISTIC or step.op == "call")


def sample_axes(program: Program, cut: dict[str, int]) -> dict[int, int]:
    """Value -> the axis that counts samples, as far as it can be followed from the inputs that have one."""
    found: dict[int, int] = {}
    for number, step in enumerate(program.code):
        axis = _axis(step, number, found, cut, program)
        if axis is not None:
            found[number] = axis
    return found


def _axis(step: Instruction, number: int, found: dict[int, int], cut: dict[str, int], program: Program) -> int | None:
    if step.op == "input":
        return cut.get(step.attr[0])
    known = [(k, found[a]) for k, a in enumerate(step.args) if isinstance(a, Ref) and a in found]
    if not known or not step.shape:
        return None
    k, axis = known[0]
    arg = step.args[k]
    assert isinstance(arg, Ref)
    shape = program.code[arg].shape
    if step.op == "view":
        return step.attr.index(axis) if axis in step.attr else None
    if step.op == "window":
        return step.attr.kept(axis)
    if step.op == "fold":
        return next((a for a in range(len(step.shape)) if step.attr.kept(a) == axis), None)
    if step.op == "pad":
        return None if any(step.attr[axis]) else axis
    if step.op in ("spread", "select"):
        return axis if len(shape) == len(step.shape) else None
    if is_elementwise(step):
        return axis + len(step.shape) - len(shape)
    if step.op in ("sum", "amax"):
        return None if axis in step.attr else axis - sum(1 for a in step.attr if a < axis)
    if step.op == "dot":
        if k == 0:
            return 0 if axis == 0 and len(shape) == 2 else None
        return len(step.shape) - 1 if axis == len(shape) - 1 and len(shape) == 2 else None
    if step.op == "reshape":
        return 0 if axis == 0 and step.shape[0] == shape[0] else None
    return None
