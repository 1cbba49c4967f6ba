"""Functions of the machine room: the rewrites before lowering bring them in, users never see them.

A new one takes two lines here (its name and its evaluation on float arrays, a plain function of ``symdl/functions/stable*.py``): the backends, native
code and printed programs take it from there, as they do for the functions of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.functions import TABLE, stable, stable_logarithms, stable_normal, stable_quotients

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
#: Logarithms of positive functions, 1/cosh, 1/(exp(z) - 1), exp(a)*exp(b): see ``symdl/functions/stable_logarithms.py``.
LOG_COSH, LOG_SINH, LOG_TANH, LOG_ERFC = "log_cosh", "log_sinh", "log_tanh", "log_erfc"
LOG_NORMAL, LOG_SOFTPLUS, LOG_NEAR_ONE, LOG_QUOTIENT = "log_normal", "log_softplus", "log_near_one", "log_quotient"
LOG_TWICE_SIGMOID, LOG_ONE_PLUS, ARCSINH = "log_twice_sigmoid", "log_one_plus", "arcsinh"
EXP_OF_SUM, SECH, RECIPROCAL_EXPM1 = "exp_of_sum", "sech", "reciprocal_expm1"
#: exp(-z^2)/erfc(z), exp(-z^2/2)/normal(z).
GAUSS_OVER_ERFC, GAUSS_OVER_NORMAL = "gauss_over_erfc", "gauss_over_normal"
#: Differences of two values of a function, given a difference that does not cancel.
ROOT_LESS, ARCTAN_DIFFERENCE, SIGMOID_DIFFERENCE, SOFTPLUS_DIFFERENCE = "root_less", "arctan_difference", "sigmoid_difference", "softplus_difference"
POWER_DIFFERENCE, EXPM1_OVER = "power_difference", "expm1_over"
#: sigmoid(z)/softplus(z), z/(exp(z) - 1), exp(a) - exp(b) given a - b.
SIGMOID_OVER_SOFTPLUS, OVER_EXPM1, EXP_DIFFERENCE = "sigmoid_over_softplus", "over_expm1", "exp_difference"
#: u/(1 + u), sqrt(1 + v^2) - 1, sqrt(1 + u) - 1, also where u and v^2 have overflowed.
OVER_ONE_PLUS, HYPOTENUSE_LESS_ONE, ROOT_LESS_ONE = "over_one_plus", "hypotenuse_less_one", "root_less_one"
#: sqrt(a^2 + b^2), and what a norm is scaled by.
HYPOT, NONZERO, OVER = "hypot", "nonzero", "over"

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
    LOG_COSH: stable_logarithms.log_cosh,
    LOG_SINH: stable_logarithms.log_sinh,
    LOG_TANH: stable_logarithms.log_tanh,
    LOG_ERFC: stable_logarithms.log_erfc,
    LOG_NORMAL: stable_logarithms.log_normal,
    LOG_SOFTPLUS: stable_logarithms.log_softplus,
    LOG_NEAR_ONE: stable_logarithms.log_near_one,
    LOG_QUOTIENT: stable_logarithms.log_quotient,
    EXP_OF_SUM: stable_logarithms.exp_of_sum,
    SECH: stable_logarithms.sech,
    RECIPROCAL_EXPM1: stable_logarithms.reciprocal_expm1,
    ROOT_LESS: stable_logarithms.root_less,
    ARCTAN_DIFFERENCE: stable_logarithms.arctan_difference,
    SIGMOID_DIFFERENCE: stable_logarithms.sigmoid_difference,
    SOFTPLUS_DIFFERENCE: stable_logarithms.softplus_difference,
    LOG_TWICE_SIGMOID: stable_logarithms.log_twice_sigmoid,
    ARCSINH: stable_logarithms.arcsinh,
    GAUSS_OVER_ERFC: stable_logarithms.gauss_over_erfc,
    GAUSS_OVER_NORMAL: stable_logarithms.gauss_over_normal,
    POWER_DIFFERENCE: stable_logarithms.power_difference,
    EXPM1_OVER: stable_logarithms.expm1_over,
    SIGMOID_OVER_SOFTPLUS: stable_quotients.sigmoid_over_softplus,
    OVER_EXPM1: stable_quotients.over_expm1,
    OVER_ONE_PLUS: stable_quotients.over_one_plus,
    HYPOTENUSE_LESS_ONE: stable_quotients.hypotenuse_less_one,
    ROOT_LESS_ONE: stable_quotients.root_less_one,
    EXP_DIFFERENCE: stable_quotients.exp_difference,
    LOG_ONE_PLUS: stable_logarithms.log_one_plus,
    OVER: stable_logarithms.over,
    HYPOT: stable_logarithms.hypot,
    NONZERO: stable_logarithms.nonzero,
}


def evaluation(name: str) -> Callable[..., Any]:
    """The function on float arrays, of the table or of the machine room."""
    return MACHINE.get(name) or TABLE[name].numpy
