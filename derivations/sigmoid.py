"""The sigmoid: its derivative from the definition, its symmetry, its largest slope, and its limits.

Derived: sigma' = sigma (1 - sigma) from sigma(z) = 1/(1 + exp(-z)); sigma(-z) = 1 - sigma(z); slope at most 1/4, at 0 only;
sigma(k z) tends to the unit step as k grows; tanh z = 2 sigma(2 z) - 1.
Source: Y. and S. Wakui, The Mathematics of Deep Learning, section 2-2 and 2-6; Goodfellow et al., Deep Learning, section 3.10.
"""

from __future__ import annotations

import sys

import sympy as sp

import symdl as sd

z = sp.Symbol("z", real=True)
k, c = sp.symbols("k c", positive=True)
E = sp.exp(-z)
definition = sd.sigmoid(z).rewrite(sp.exp)


def as_written(*terms: sp.Expr) -> sp.Expr:
    """A sum that SymPy leaves as it stands."""
    return sp.Add(*terms, evaluate=False)


def derivative(page: sd.Page) -> None:
    page.heading("The derivative", "导数")
    page.text(
        r"The sigmoid replaces the jump of the unit step by a smooth rise from 0 to 1, $\sigma(z) = 1/(1 + e^{-z})$. Its derivative can be written with "
        r"$\sigma$ alone. First as symdl finds it, rule by rule:",
        r"sigmoid 函数用从 0 到 1 的平滑上升代替单位阶跃函数的跳跃: $\sigma(z) = 1/(1 + e^{-z})$. 它的导数可以只用 $\sigma$ 写出. 首先是 symdl 逐条法则求得"
        "的结果:",
    )
    derived = sd.derive(definition, z)
    page.derivation(derived)
    page.text("And as on paper:", "再像在纸上那样推导:")
    by_definition = sp.Derivative(definition, z)
    quotient = -sp.Derivative(1 + E, z) / (1 + E) ** 2
    # The two formulas that speak of a derivative are printed as they stand and proved with the derivative carried out.
    carried_out, inner_carried_out = by_definition.doit(), quotient.doit()
    page.claim("quotient rule", carried_out, inner_carried_out, sp.latex(by_definition), sp.latex(quotient), zh="商法则")
    page.chain(
        inner_carried_out,
        ("chain rule", E / (1 + E) ** 2, "链式法则"),
        ("add and subtract 1 in the numerator", sp.Mul(as_written(as_written(1, E), -1), (1 + E) ** -2, evaluate=False), "分子加 1 减 1"),
        ("split the fraction", as_written(1 / (1 + E), -1 / (1 + E) ** 2), "拆分分式"),
        ("take out the common factor", sp.Mul(1 / (1 + E), as_written(1, -1 / (1 + E)), evaluate=False), "提取公因子"),
        ("definition of the sigmoid", sd.sigmoid(z) * (1 - sd.sigmoid(z)), "sigmoid 函数的定义"),
    )
    page.claim("both ways agree", derived[z], sd.sigmoid(z) * (1 - sd.sigmoid(z)), lhs_latex=sp.latex(sp.Derivative(sd.sigmoid(z), z)), zh="两种方法一致")


def symmetry(page: sd.Page) -> None:
    page.heading("Symmetry", "对称性")
    page.text(
        r"The curve is symmetric about the point $(0, 1/2)$; so its slope is the same at $z$ and $-z$.",
        r"曲线关于点 $(0, 1/2)$ 对称; 所以在 $z$ 和 $-z$ 处斜率相同.",
    )
    page.chain(
        sd.sigmoid(-z),
        ("definition of the sigmoid", sd.sigmoid(-z).rewrite(sp.exp), "sigmoid 函数的定义"),
        ("multiply numerator and denominator by exp(-z)", E / (1 + E), "分子分母同乘 exp(-z)"),
        ("add and subtract 1 in the numerator", as_written(1, -1 / (1 + E)), "分子加 1 减 1"),
        ("definition of the sigmoid", 1 - sd.sigmoid(z), "sigmoid 函数的定义"),
    )
    slope = sd.sigmoid(z).diff(z)
    page.claim("the slope is even", slope.subs(z, -z), slope, zh="斜率是偶函数")


def largest_slope(page: sd.Page) -> None:
    page.heading("The largest slope", "最大斜率")
    page.text(
        r"How far the slope stays below $1/4$ is a square: the slope is at most $1/4$, and it is $1/4$ only where $\sigma(z) = 1/2$, that is $e^{-z} = 1$, "
        "$z = 0$. A layer of sigmoids therefore shrinks an error on its way back at least by the factor 4, the weights aside.",
        r"斜率与 $1/4$ 的差是一个平方: 斜率至多为 $1/4$, 且仅当 $\sigma(z) = 1/2$, 即 $e^{-z} = 1$, $z = 0$ 时等于 $1/4$. 因此, 不计权重, 误差每反向经过一"
        "层 sigmoid 至少缩小为四分之一.",
    )
    s = sd.sigmoid(z)
    gap = sp.Rational(1, 4) - s * (1 - s)
    page.claim("complete the square", gap, (sp.Rational(1, 2) - s) ** 2, lhs_latex=sp.latex(gap, order="none"), zh="配方")
    page.claim("value at 0", definition.subs(z, 0), sp.Rational(1, 2), lhs_latex=r"\sigma(0)", zh="在 0 处的值")
    page.claim("slope at 0", sp.diff(definition, z).subs(z, 0), sp.Rational(1, 4), lhs_latex=r"\sigma'(0)", zh="在 0 处的斜率")
    where = sp.solveset(sp.Eq(E, 1), z, sp.S.Reals)
    page.fact("exp(-z) = 1 only at", str(where), "{0}")


def towards_the_step(page: sd.Page) -> None:
    page.heading("Towards the unit step", "趋向单位阶跃函数")
    page.text(
        r"Stretched, the sigmoid comes as close to the unit step as one likes: as $k$ grows, $\sigma(kz)$ tends to 1 for $z > 0$ and to 0 for $z < 0$. At 0 "
        "it stays at $1/2$ for every $k$, so there it says nothing about the step, which is undefined there.",
        r"拉伸后的 sigmoid 函数可以任意接近单位阶跃函数: 当 $k$ 增大时, $\sigma(kz)$ 对 $z > 0$ 趋于 1, 对 $z < 0$ 趋于 0. 在 0 处它对每个 $k$ 都等于 "
        "$1/2$, 所以对在那里没有定义的阶跃函数没有说明什么.",
    )
    for name, zh, at, step in (("z = c > 0", "z = c > 0", c, sd.step(c)), ("z = -c < 0", "z = -c < 0", -c, sd.step(-c))):
        limit = sp.Limit(sd.sigmoid(k * at), k, sp.oo, "-")
        value = sp.limit(sd.sigmoid(k * at).rewrite(sp.exp), k, sp.oo)
        page.claim(f"limit at {name}", value, step.rewrite(sp.Piecewise), lhs_latex=sp.latex(limit), rhs_latex=sp.latex(step), zh=f"{zh} 处的极限")
    page.claim(
        "value at z = 0, for every k", sd.sigmoid(k * z).rewrite(sp.exp).subs(z, 0), sp.Rational(1, 2), lhs_latex=r"\sigma(k \cdot 0)", zh="z = 0 处的值"
    )
    page.text(
        r"How close: above 0 the gap is $1 - \sigma(kc) = \sigma(-kc)$, which is below $e^{-kc}$, since the difference is positive.",
        r"接近的程度: 在 0 以上, 差距 $1 - \sigma(kc) = \sigma(-kc)$ 小于 $e^{-kc}$, 因为两者之差为正.",
    )
    page.claim("the gap", 1 - sd.sigmoid(k * c), sd.sigmoid(-k * c), zh="差距")
    page.claim("it is below exp(-kc)", sp.exp(-k * c) - sd.sigmoid(-k * c), sp.exp(-2 * k * c) / (1 + sp.exp(-k * c)), zh="它小于 exp(-kc)")
    for factor in (10, 100):
        gap = sd.evaluate(1 - sd.sigmoid(factor * sd.tensor("z")), z=0.1)
        page.fact(f"gap at z = 0.1 for k = {factor}", gap, float(sd.sigmoid(-sp.Rational(factor, 10)).evalf(30)), 1e-11)


def hyperbolic_tangent(page: sd.Page) -> None:
    page.heading("The hyperbolic tangent", "双曲正切")
    page.text(
        r"$\tanh$ is the sigmoid, stretched to run from $-1$ to $1$.",
        r"$\tanh$ 是拉伸到从 $-1$ 到 $1$ 的 sigmoid 函数.",
    )
    page.chain(
        sp.tanh(z),
        ("definition of tanh", sp.tanh(z).rewrite(sp.exp), "tanh 的定义"),
        ("divide numerator and denominator by exp(z)", (1 - sp.exp(-2 * z)) / (1 + sp.exp(-2 * z)), "分子分母同除以 exp(z)"),
        ("add and subtract 1 in the numerator", as_written(2 / (1 + sp.exp(-2 * z)), -1), "分子加 1 减 1"),
        ("definition of the sigmoid", 2 * sd.sigmoid(2 * z) - 1, "sigmoid 函数的定义"),
    )
    page.claim(
        "slope of tanh", sp.tanh(z).diff(z), 4 * sd.sigmoid(2 * z) * (1 - sd.sigmoid(2 * z)), lhs_latex=sp.latex(sp.Derivative(sp.tanh(z), z)), zh="tanh 的斜率"
    )


def page() -> sd.Page:
    """The sigmoid."""
    made = sd.Page("The sigmoid", "sigmoid 函数", "sigmoid")
    derivative(made)
    symmetry(made)
    largest_slope(made)
    towards_the_step(made)
    hyperbolic_tangent(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
