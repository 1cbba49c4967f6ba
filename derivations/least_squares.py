"""Least squares: the vertex of a parabola, the line through points, the normal equations, the minimum.

Sources: Gauss 1809; Y. and S. Wakui, sections 2-7 (minima) and 2-11 (regression); Strang, Linear Algebra, chapter 4.3. The data
are scikit-learn's copy of the diabetes study (Efron, Hastie, Johnstone and Tibshirani 2004).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import sympy as sp

import symdl as sd
from symdl.errors import missing_extra


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Least squares", "最小二乘法", name="least_squares")
    parabola(made)
    line(made)
    many_variables(made)
    real_data(made)
    return made


def parabola(page: sd.Page) -> None:
    """One variable: completing the square shows the vertex, and the derivative vanishes there."""
    a, b, c, x = sp.symbols("a b c x")
    square = a * x**2 + b * x + c
    vertex = -b / (2 * a)
    lowest = c - b**2 / (4 * a)
    page.heading("The vertex of a parabola", "抛物线的顶点")
    page.text(
        "Least squares in one unknown is a parabola. Completing the square shows its lowest point without any calculus ($a > 0$): "
        "a square is never negative, and it is zero at the vertex only.",
        "一个未知数的最小二乘就是抛物线。不用微积分，配方即可看出最低点（$a > 0$）：平方不小于零，且只在顶点处为零。",
    )
    page.claim("completing the square", square, a * (x - vertex) ** 2 + lowest, zh="配方")
    page.claim("value at the vertex", square.subs(x, vertex), lowest, lhs_latex=r"f\left(-\frac{b}{2a}\right)", zh="顶点处的值")
    page.text("The derivative finds the same point: it vanishes there.", "求导得到同一点：导数在该点为零。")
    derived = sd.derive(square, x)
    page.derivation(derived)
    page.claim("zero slope at the vertex", derived[x].subs(x, vertex), sp.S.Zero, lhs_latex=r"f'\left(-\frac{b}{2a}\right)", zh="顶点处斜率为零")


def line(page: sd.Page) -> None:
    """Two variables: slope and intercept of the line through n points, n symbolic."""
    n = sd.dims("n")
    i, j = sd.indices("i j")
    a, b = sd.tensor("a"), sd.tensor("b")
    x, y = sd.tensor("x", n), sd.tensor("y", n)
    cost = sd.sum(sd.let("r", a * x + b - y) ** 2) / 2
    page.heading("The line through $n$ points", "过 $n$ 个点的直线")
    page.text(
        "The line $a x + b$ is to miss $n$ points $(x_i, y_i)$ by as little as possible, measured by the sum of squares.",
        "求直线 $a x + b$，使它与 $n$ 个点 $(x_i, y_i)$ 的偏差平方和最小。",
    )
    derived = sd.derive(cost, [a, b])
    page.derivation(derived)
    sx, sy, sxx, sxy = sd.sum(x), sd.sum(y), sd.sum(x * x), sd.sum(x * y)
    page.text(
        "Opened up, both derivatives are linear in $a$ and $b$, with sums over the data as coefficients.",
        "展开后，两个偏导数都是 $a$、$b$ 的一次式，系数是对数据的求和。",
    )
    page.claim("linearity of the sum", derived[a], a * sxx + b * sx - sxy, zh="求和的线性")
    page.claim("linearity of the sum", derived[b], a * sx + b * n - sy, zh="求和的线性")
    page.text(
        "Both vanish where two linear equations hold. Write $S_x, S_y, S_{xx}, S_{xy}$ for the four sums; the solution is put back into both.",
        "令二者为零，得二元一次方程组。记四个和为 $S_x, S_y, S_{xx}, S_{xy}$，并把解代回验证。",
    )
    names = sp.symbols("a b n S_x S_y S_xx S_xy")
    (slope, intercept) = solve_line(*names)
    big_n, s_x, s_y, s_xx, s_xy = names[2:]
    spread = big_n * s_xx - s_x**2
    page.claim("solution for the slope", slope, (big_n * s_xy - s_x * s_y) / spread, lhs_latex="a", zh="斜率的解")
    page.claim("solution for the intercept", intercept, (s_xx * s_y - s_x * s_xy) / spread, lhs_latex="b", zh="截距的解")
    by_a, by_b = slope * s_xx + intercept * s_x - s_xy, slope * s_x + intercept * big_n - s_y
    page.claim("zero derivative by $a$", by_a, sp.S.Zero, lhs_latex="a S_{xx} + b S_x - S_{xy}", zh="对 $a$ 的导数为零")
    page.claim("zero derivative by $b$", by_b, sp.S.Zero, lhs_latex="a S_x + b n - S_y", zh="对 $b$ 的导数为零")
    page.text(
        "The denominator is a sum of squares: it is positive unless all $x_i$ are equal, when no slope can be told.",
        "分母是平方和：除非所有 $x_i$ 相等（此时斜率无法确定），它总为正。",
    )
    pairs = sd.sum(sd.sum((x[i] - x[j]) ** 2, i), j) / 2
    page.claim("the denominator as a sum of squares", n * sxx - sx**2, pairs, zh="分母是平方和")


def solve_line(a: Any, b: Any, n: Any, sx: Any, sy: Any, sxx: Any, sxy: Any) -> tuple[sp.Expr, sp.Expr]:
    """Slope and intercept at which both derivatives vanish, solved by SymPy."""
    found = sp.solve([a * sxx + b * sx - sxy, a * sx + b * n - sy], [a, b], dict=True)
    return found[0][a], found[0][b]


def many_variables(page: sd.Page) -> None:
    """p variables: the normal equations, and why their solution is a minimum."""
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    v = sd.tensor("v", p)
    cost = sd.sum(sd.let("r", X @ w - y) ** 2) / 2
    page.heading("Any number of variables", "任意多个变量")
    page.text(
        "With $p$ variables the prediction for sample $k$ is $\\sum_i X_{ki} w_i$. The gradient vanishes where the normal equations "
        "$X^T X w = X^T y$ hold: the residual $r$ is perpendicular to every column of $X$.",
        "$p$ 个变量时，样本 $k$ 的预测为 $\\sum_i X_{ki} w_i$。梯度为零即正规方程 $X^T X w = X^T y$：残差 $r$ 与 $X$ 的每一列垂直。",
    )
    derived = sd.derive(cost, w)
    page.derivation(derived)
    page.chain(
        derived[w],
        ("in matrix notation", X.T @ (X @ w - y), "写成矩阵"),
        ("normal equations", X.T @ X @ w - X.T @ y, "正规方程"),
        start_latex=r"\nabla C",
    )
    page.text(
        "The Hessian does not depend on $w$, and bends upwards in every direction $v$: $v^T H v$ is a sum of squares.",
        "黑塞矩阵与 $w$ 无关，且沿任何方向 $v$ 都向上弯：$v^T H v$ 是平方和。",
    )
    hessian = sd.hessian(cost, w)
    page.claim("Hessian", hessian, X.T @ X, lhs_latex="H", zh="黑塞矩阵")
    page.claim("$v^T H v$ is a sum of squares", v @ hessian @ v, sd.sum((X @ v) ** 2), lhs_latex="v^T H v", zh="$v^T H v$ 是平方和")
    page.text(
        "The same, exactly: going from $w$ by $v$ changes the sum of squares by a part that is linear in $v$, zero "
        "at the normal equations, and by $|Xv|^2 \\ge 0$. So no $w + v$ is lower than the solution.",
        "更精确地：从 $w$ 移动 $v$，平方和的变化由两部分组成：$v$ 的一次项（满足正规方程时为零）和 $|Xv|^2 \\ge 0$。所以没有 $w + v$ 低于该解。",
    )
    page.claim(
        "completing the square",
        sd.sum((X @ (w + v) - y) ** 2),
        sd.sum((X @ w - y) ** 2) + 2 * (v @ (X.T @ (X @ w - y))) + sd.sum((X @ v) ** 2),
        zh="配方",
    )


def real_data(page: sd.Page) -> None:
    """442 patients: the normal equations against numpy.linalg.lstsq."""
    features, target = diabetes()
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    cost = sd.sum((X @ w - y) ** 2) / 2
    design = np.column_stack([np.ones(len(target)), features])
    reference = np.linalg.lstsq(design, target, rcond=None)[0]
    matrix = sd.evaluate(sd.hessian(cost, w), X=design)
    solution = np.linalg.solve(matrix, sd.evaluate(X.T @ y, X=design, y=target))
    _, at_start = sd.value_and_grad(cost, [w])(X=design, y=target, w=np.zeros(design.shape[1]))
    least, at_minimum = sd.value_and_grad(cost, [w])(X=design, y=target, w=reference)
    scale = float(np.max(np.abs(at_start["w"])))
    page.heading("On real data", "在真实数据上")
    page.text(
        f"The disease's progression in {len(target)} diabetes patients, from {features.shape[1]} measurements and a constant.",
        f"{len(target)} 名糖尿病患者的病情进展，由 {features.shape[1]} 项测量值与常数项预测。",
    )
    page.fact("normal equations against numpy.linalg.lstsq", solution, reference, tol=1e-9)
    page.fact("gradient at lstsq's solution, relative to the gradient at w = 0", at_minimum["w"] / scale, np.zeros_like(reference), tol=1e-12)
    page.fact("smallest eigenvalue of the Hessian is positive: a minimum", bool(np.linalg.eigvalsh(matrix).min() > 0), True)
    rng = np.random.default_rng(0)
    around = [sd.evaluate(cost, X=design, y=target, w=reference + rng.normal(size=reference.shape)) for _ in range(20)]
    page.fact("the cost at 20 points around it is larger", bool(min(map(float, around)) > least), True)
    x_bmi = features[:, 2]
    names = sp.symbols("a b n S_x S_y S_xx S_xy")
    sums = dict(zip(names[2:], map(sp.Float, (len(target), x_bmi.sum(), target.sum(), x_bmi @ x_bmi, x_bmi @ target)), strict=True))
    closed = [float(e.subs(sums)) for e in solve_line(*names)]
    line_design = np.column_stack([x_bmi, np.ones(len(target))])
    page.fact("the line through body mass index, closed form against lstsq", closed, np.linalg.lstsq(line_design, target, rcond=None)[0], tol=1e-9)


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """Ten measurements of 442 patients, (442, 10), and the progression of the disease one year later, (442,).

    Raises
    ------
    MissingExtraError
        Without scikit-learn, which ships the data.
    """
    try:
        from sklearn.datasets import load_diabetes
    except ImportError:
        raise missing_extra("scikit-learn", "examples", "least_squares on real data") from None
    features, target = load_diabetes(return_X_y=True)
    return np.asarray(features, dtype=float), np.asarray(target, dtype=float)


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
