"""Functions of the machine room: the rewrites before lowering bring them in, users never see them.

A new one takes two lines here (its name and its evaluation on float arrays, a plain function of ``symdl/functions/stable*.py``): the backends, native
code and printed programs take it from there, as they do for the functions of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.functions import TABLE, stable, stable_normal

#: sigmoid(-z) and softplus(-z) as functions of z, so that z is not computed twice.
COSIGMOID = "cosigmoid"
COSOFTPLUS = "cosoftplus"
#: log(exp(a) + exp(b)) and log(1 - exp(z)).
LOG_ADD_EXP = "log_add_exp"
LOG_ONE_MINUS_EXP = "log_one_minus_exp"
#: 1 - erf(z), erfc(-z/sqrt(2))/2, exp(-z^2/2), exp(-z^2).
ERFC = "erfc"
NORMAL = "normal"
GAUSS = "gauss"
GAUSS_PLAIN = "gauss_plain"

#: A reduction of the machine room: sum of exp(z - max z), less the 1 of the maximum itself. Small rests keep their digits.
REST = "rest"

MACHINE: dict[str, Callable[..., Any]] = {
    COSIGMOID: stable.cosigmoid,
    COSOFTPLUS: stable.cosoftplus,
    LOG_ADD_EXP: stable.log_add_exp,
    LOG_ONE_MINUS_EXP: stable.log_one_minus_exp,
    ERFC: stable_normal.erfc,
    NORMAL: stable_normal.normal,
    GAUSS: stable_normal.gauss,
    GAUSS_PLAIN: stable_normal.gauss_plain,
}


def evaluation(name: str) -> Callable[..., Any]:
    """The function on float arrays, of the table or of the machine room."""
    return MACHINE.get(name) or TABLE[name].numpy
