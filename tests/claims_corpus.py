"""The corpus of claims, tests/data/claims.toml: its problems as expressions."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import symdl as sd

FILE = Path(__file__).parent / "data" / "claims.toml"


@dataclass
class Problem:
    """A loss, what is differentiated by, right claims, and wrong ones with what must be said of them."""

    name: str
    loss: Any
    wrt: Any
    right: list[str]
    wrong: list[tuple[str, str]]


def problems() -> list[Problem]:
    return [_problem(row) for row in tomllib.loads(FILE.read_text(encoding="utf-8"))["problem"]]


def _problem(row: dict[str, Any]) -> Problem:
    known: dict[str, Any] = {}
    for declared in row["tensors"].split():
        name, _, sizes = declared.partition(":")
        name = "lambda_" if name == "lambda" else name
        axes = [int(s) if s.isdigit() else sd.dims(s) for s in sizes.split(",") if s]
        known[name] = sd.tensor(name, *axes, facts=row.get("facts", {}).get(name, "").split())
    for name, text in row.get("let", {}).items():
        known[name] = sd.let(name, sd.parse(text, **known))
    wrt = row["wrt"].split()
    wrong = [(claim, said) for claim, said in row.get("wrong", [])]
    return Problem(row["name"], sd.parse(row["loss"], **known), wrt[0] if len(wrt) == 1 else wrt, row["right"], wrong)
