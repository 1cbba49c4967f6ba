"""A recurrence in printed Python: a loop that fills an array of all states."""

from __future__ import annotations

from typing import Any

from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.recurrence import argument_holes, own_axes, system_of
from symdl.graph.walk import topological
from symdl.lower.stabilise import stabilised


def write_loop(writer: Any, node: Node, known: dict[Any, list[str]]) -> str:
    """Writes the loop of a recurrence, once for all its parts; the answer is the code of the part that the node is."""
    system = system_of(node)
    if system not in known:
        known[system] = _loop(writer, node)
    rows = known[system][node.attr.state]
    down = node.attr.down
    return (
        rows
        + {
            "all": "",
            "before": "[1:]" if down else "[:-1]",
            "after": "[:-1]" if down else "[1:]",
            "final": "[0]" if down else "[-1]",
        }[node.attr.part]
    )


def _loop(writer: Any, node: Node) -> list[str]:
    attr = node.attr
    own = own_axes(node)
    length = writer.size(attr.length)
    rows = []
    for k, shape in enumerate(attr.shapes):
        rows.append(writer.fresh())
        sizes = ", ".join([f"{length} + 1", *map(writer.size, shape)])
        writer.lines.append(f"{rows[-1]} = np.empty(({sizes},){writer.typed})  # {attr.names[k]}")
        init = writer.aligned(node.args[k], [e if e < 0 else own[k].index(e) for e in node.maps[k]], range(len(shape)))
        writer.lines.append(f"{rows[-1]}[{length if attr.down else 0}] = {init}")
    step = writer.fresh()
    here, after = (f"{step} + 1", step) if attr.down else (step, f"{step} + 1")
    codes = {}
    for k, inputs in enumerate(argument_holes(node)):
        if k < len(rows):
            codes[inputs] = f"{rows[k]}[{here}]"
        else:
            codes[inputs] = _argument(writer, node, k, step)
    span = f"range({length})"
    writer.lines.append(f"for {step} in {f'reversed({span})' if attr.down else span}:")
    terms = stabilised([Term(body, entries) for body, entries in attr.bodies])
    with writer.block(codes):
        for inner in topological([t.node for t in terms]):
            if inner not in codes:
                writer.node(inner)
        values = [writer.aligned(t.node, t.map, range(len(shape))) for t, shape in zip(terms, attr.shapes, strict=True)]
        writer.lines += [f"{name}[{after}] = {value}" for name, value in zip(rows, values, strict=True)]
    return rows


def _argument(writer: Any, node: Node, k: int, step: str) -> str:
    code = writer.code_of(node.args[k])
    keys = [step if e == node.rank else ":" for e in node.maps[k]]
    while keys and keys[-1] == ":":
        keys.pop()
    return f"{code}[{', '.join(keys)}]" if keys else code
