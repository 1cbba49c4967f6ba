"""Stored files: what was saved loads back equal; damaged files are refused in one line, or make sense."""

from __future__ import annotations

import json
from typing import Any

import symdl as sd
from fuzz import graphs
from fuzz.draws import Draws
from fuzz.targets.refusals import said_well

POISON: list[Any] = [0, -1, 7, 10**30, 10**400, "x", "1/0", "", None, True, 0.5, [], {}, {"size": "n"}, "lambda", [0, 1, 2], "recur", 1e308, "#0", "__class__"]
POISON += [{"do": "^", "of": [2, 9999]}, {"do": "^", "of": [{"do": "^", "of": [{"size": "n"}, 4096]}, 4096]}, float("nan"), float("inf"), [[]], 2**31, -(2**31)]


def one(data: bytes) -> None:
    draws = Draws(data)
    if draws.below(4) == 0:  # as it stands
        _read(draws.text())
        return
    expr = graphs.expression(draws, 6)
    try:
        text = sd.to_json(expr)
    except sd.DataError as error:  # a letter of which nobody knows how far it runs
        assert "how far the index" in str(error), error
        return
    again = sd.from_json(text)
    assert again == expr and hash(again) == hash(expr), text
    assert sd.to_json(again) == text or sd.from_json(sd.to_json(again)) == expr
    stored = json.loads(text)
    for _ in range(1 + draws.below(3)):
        stored = _damaged(stored, draws)
    _read(json.dumps(stored))


def _damaged(value: Any, draws: Draws) -> Any:
    """One leaf replaced, dropped or doubled."""
    if isinstance(value, dict) and value:
        key = draws.one_of(sorted(value))
        if draws.below(12) == 11:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _damaged(value[key], draws)}
    if isinstance(value, list) and value:
        at = draws.below(len(value))
        what = draws.below(12)
        if what == 11:
            return value[:at] + value[at + 1 :]
        if what == 10:
            return [*value[:at], value[at], *value[at:]]
        return [*value[:at], _damaged(value[at], draws), *value[at + 1 :]]
    return draws.one_of(POISON)


def _read(text: str) -> None:
    try:
        found = sd.from_json(text)
    except sd.SymdlError as error:
        said_well(error)
        return
    for each in found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]:
        try:
            str(each)
            if isinstance(each, sd.Expr) and not each.shape and not each.open and each.inputs:
                sd.grad(each, each.inputs[0])
        except sd.SymdlError as error:
            said_well(error)
