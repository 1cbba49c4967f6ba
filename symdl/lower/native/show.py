"""The plan of a native program, to be read."""

from __future__ import annotations

import math

from symdl.lower.native.program import Builder
from symdl.lower.program import Program, Ref


def operations(program: Program) -> int:
    """Floating-point operations of one evaluation: two for a multiplication and its addition, one for every element of anything else."""
    total = 0
    for step in program.code:
        shapes = [program.code[a].shape for a in step.args if isinstance(a, Ref)]
        if step.op in ("dot", "matmul"):
            total += 2 * math.prod(step.shape) * shapes[0][-1]
        elif step.op in ("inner", "einsum"):
            total += 2 * math.prod(shapes[0])
        elif step.op in ("sum", "amax"):
            total += math.prod(shapes[0])
        elif step.op not in ("input", "view", "select", "reshape", "spread", "stretch", "ones", "table"):
            total += math.prod(step.shape)
    return total


def shown(builder: Builder) -> str:
    """Instructions with shapes, then the steps they became: loops with what they fuse, products with their kernels."""
    lines = ["instructions", *(f"  {line}" for line in str(builder.program).splitlines())]
    lines.append("native steps")
    lines += [f"  {k}: {p.what}{', shared by threads' if p.shared else ''}" for k, p in enumerate(builder.parts)]
    stored = sum(1 for step in builder.program.code if step.op != "input")
    lines.append(f"{operations(builder.program):,} operations; {stored} values, {builder.memory.size * 8:,} bytes of buffers")
    lines.append(f"about {builder.cost:,.0f} vector operations")
    return "\n".join(lines)
