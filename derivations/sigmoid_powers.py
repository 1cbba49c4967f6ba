"""The derivatives of the sigmoid as polynomials in the sigmoid: first, second, third.

Derived: with s = sigma(z), s' = s - s^2, s'' = s - 3 s^2 + 2 s^3, s''' = s - 7 s^2 + 12 s^3 - 6 s^4, each from the one before by the chain rule
p(s)' = p'(s) (s - s^2); where the slope and the curvature are largest.
Source: A. A. Minai and R. D. Williams 1993, On the derivatives of the sigmoid, Neural Networks 6 (the coefficients are Stirling's numbers).
"""

from __future__ import annotations

import sys
from itertools import pairwise

import sympy as sp

import symdl as sd

z, s = sp.symbols("z s", real=True)
#: sigma', sigma'', sigma''' as polynomials in s = sigma.
POLYNOMIALS = (s - s**2, s - 3 * s**2 + 2 * s**3, s - 7 * s**2 + 12 * s**3 - 6 * s**4)
ORDINALS = (("first", "一阶"), ("second", "二阶"), ("third", "三阶"))


def polynomials(page: sd.Page) -> None:
    page.heading("Each derivative is a polynomial in the sigmoid", "各阶导数都是 sigmoid 的多项式")
    page.text(
        r"Since $\sigma' = \sigma - \sigma^2$, the derivative of any polynomial $p(\sigma)$ is $p'(\sigma)\,(\sigma - \sigma^2)$: again a polynomial, of one "
        "degree more. So all derivatives of the sigmoid cost a few multiplications once the sigmoid itself is known.",
        r"由于 $\sigma' = \sigma - \sigma^2$, 任一多项式 $p(\sigma)$ 的导数是 $p'(\sigma)\,(\sigma - \sigma^2)$: 仍是多项式, 次数高一. 所以一旦算出 sigmoid, "
        "它的各阶导数只需几次乘法.",
    )
    before = sd.sigmoid(z)
    for k, (polynomial, (word, word_zh)) in enumerate(zip(POLYNOMIALS, ORDINALS, strict=True), start=1):
        derived = sd.derive(before, z)
        page.derivation(derived)
        value = polynomial.subs(s, sd.sigmoid(z))
        symbol = r"\sigma" + "'" * k + r"\left(z\right)"
        page.claim(f"multiplied out: the {word} derivative", derived[z], value, lhs_latex=symbol, zh=f"展开: {word_zh}导数")
        before = value
    for (p, q), (word, word_zh) in zip(pairwise(POLYNOMIALS), ORDINALS[1:], strict=True):
        page.claim(f"the rule on the polynomials: {word}", sp.diff(p, s) * (s - s**2), q, zh=f"多项式上的法则: {word_zh}")


def extremes(page: sd.Page) -> None:
    page.heading("Where slope and curvature are largest", "斜率与曲率最大之处")
    page.text(
        r"$\sigma'' = \sigma(1 - \sigma)(1 - 2\sigma)$ is zero only at $\sigma = 1/2$: there the slope is "
        r"largest. $\sigma''' = \sigma(1 - \sigma)(1 - 6\sigma + "
        r"6\sigma^2)$ is zero at $\sigma = 1/2 \pm \sqrt{3}/6$: there the curve bends most.",
        r"$\sigma'' = \sigma(1 - \sigma)(1 - 2\sigma)$ 仅在 $\sigma = 1/2$ 处为零: 那里斜率最大. $\sigma''' = \sigma(1 - \sigma)(1 - 6\sigma + 6\sigma^2)$ 在 "
        r"$\sigma = 1/2 \pm \sqrt{3}/6$ 处为零: 那里弯曲最大.",
    )
    second, third = POLYNOMIALS[1:]
    page.claim("factors of the second derivative", second, s * (1 - s) * (1 - 2 * s), lhs_latex=r"\sigma''", zh="二阶导数的因子")
    page.claim("factors of the third derivative", third, s * (1 - s) * (1 - 6 * s + 6 * s**2), lhs_latex=r"\sigma'''", zh="三阶导数的因子")
    bend = sp.Rational(1, 2) + sp.sqrt(3) / 6
    page.claim("the third derivative there", third.subs(s, bend), sp.S.Zero, lhs_latex=r"\sigma'''", zh="该处的三阶导数")
    page.fact("slope at 0", float(POLYNOMIALS[0].subs(s, sp.Rational(1, 2))), 0.25)
    page.fact("largest curvature", abs(float(second.subs(s, bend))), float(sp.sqrt(3) / 18))


def page() -> sd.Page:
    """The derivatives of the sigmoid."""
    made = sd.Page("Derivatives of the sigmoid", "sigmoid 的各阶导数", "sigmoid_powers")
    polynomials(made)
    extremes(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
