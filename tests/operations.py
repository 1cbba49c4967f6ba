"""How long a formula is: the operations that somebody would write, in symdl's text and in the syntax of the identities alike."""

from __future__ import annotations

import ast

#: Calls that are names of constants, or no operation at all.
FREE = {"I", "eye", "ones", "zeros", "sc"}
#: Calls that join their arguments, as an operator does.
JOINING = {"had"}


def operations(text: str) -> int:
    """Products, sums, powers, transposes, functions, index brackets; numbers and signs are free."""
    count = 0
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.BinOp):
            count += not (isinstance(node.op, ast.Div) and isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            count += 0 if node.func.id in FREE else len(node.args) - 1 if node.func.id in JOINING else 1
        elif (isinstance(node, ast.Attribute) and node.attr == "T") or isinstance(node, ast.Subscript):
            count += 1
    return count
