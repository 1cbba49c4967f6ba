"""Gradient descent: why minus the gradient, where it stops, what kind of point that is, and how long a step may be.

Sources: Cauchy 1847; Y. and S. Wakui, sections 2-9 and 2-10; Boyd and Vandenberghe, Convex Optimization, section 9.3; Saito, Deep
Learning from Scratch, section 4.4.2 (the descent on x0^2 + x1^2).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symdl as sd
from symdl.render.formula import formula_latex
from symdl.render.plots import contour_path_svg


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Gradient descent", "梯度下降", name="gradient_descent")
    steepest(made)
    necessary(made)
    kinds_of_points(made)
    learning_rate(made)
    picture(made)
    saito(made)
    return made


def steepest(page: sd.Page) -> None:
    """Cauchy-Schwarz as an identity: what is missing is a sum of squares."""
    page.heading("Why minus the gradient", "为什么取负梯度")
    page.text(
        "From a point with gradient $g$, a short step along $v$ changes the function by $g \\cdot v$. Lagrange's identity bounds it: what "
        "$(g \\cdot v)^2$ lacks to $|g|^2 |v|^2$ is a sum of squares.",
        "在梯度为 $g$ 的点，沿 $v$ 走一小步，函数改变 $g \\cdot v$。拉格朗日恒等式给出界：$(g \\cdot v)^2$ 与 $|g|^2 |v|^2$ 之差是平方和。",
    )
    for size in (2, 3):
        g, v = sd.tensor("g", size), sd.tensor("v", size)
        pairs = [(g[i] * v[j] - g[j] * v[i]) ** 2 for i in range(size) for j in range(i + 1, size)]
        squares = pairs[0] if len(pairs) == 1 else pairs[0] + pairs[1] + pairs[2]
        page.claim(f"Lagrange's identity in {size} dimensions", missing(g, v), squares, zh=f"{size} 维拉格朗日恒等式")
    n = sd.dims("n")
    i, j = sd.indices("i j")
    g, v = sd.tensor("g", n), sd.tensor("v", n)
    doubled = sd.sum(sd.sum((g[i] * v[j] - g[j] * v[i]) ** 2, i), j) / 2
    page.claim("Lagrange's identity in $n$ dimensions", missing(g, v), doubled, zh="$n$ 维拉格朗日恒等式")
    page.text(
        "So $g \\cdot v \\ge -|g|$ for every direction of length $|v| = 1$ (Cauchy and Schwarz), and $v = -g/|g|$ reaches the bound: "
        "minus the gradient is the steepest way down.",
        "因此对任何单位方向 $|v| = 1$，有 $g \\cdot v \\ge -|g|$（柯西–施瓦茨），而 $v = -g/|g|$ 达到下界：负梯度是下降最快的方向。",
    )
    page.claim("the direction has length 1", sd.sum((-g / sd.norm(g)) ** 2), 1, lhs_latex=r"\left|-g/|g|\right|^2", zh="该方向长度为 1")
    page.claim("the bound is reached", sd.sum(g * (-g / sd.norm(g))), -sd.norm(g), lhs_latex=r"g \cdot (-g/|g|)", zh="达到下界")


def missing(g: sd.Expr, v: sd.Expr) -> sd.Expr:
    """|g|^2 |v|^2 - (g.v)^2."""
    return sd.sum(g**2) * sd.sum(v**2) - sd.sum(g * v) ** 2


def necessary(page: sd.Page) -> None:
    """The slope along v is g.v; at a minimum it is zero in every direction."""
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    v, s = sd.tensor("v", p), sd.tensor("s")

    def cost(at: Any) -> Any:
        return sd.sum((X @ at - y) ** 2) / 2

    gradient = sd.grad(cost(w), w)
    page.heading("Zero gradient: a necessary condition", "梯度为零：必要条件")
    page.text(
        "The slope along $v$ is a derivative by one number, the length $s$ of the step. Here for the sum of squares $C(w) = |Xw - y|^2/2$, "
        "with any number of samples and weights.",
        "沿 $v$ 的斜率是对一个数（步长 $s$）的导数。以平方和 $C(w) = |Xw - y|^2/2$ 为例，样本数与权重数任意。",
    )
    along = sd.derive(sd.sum(sd.let("r", X @ sd.let("u", w + s * v) - y) ** 2) / 2, s)
    page.derivation(along)
    page.claim(
        "directional derivative",
        along[s],
        sd.sum(gradient * v) + s * sd.sum((X @ v) ** 2),
        lhs_latex=r"\frac{d}{ds} C(w + s v)",
        zh="方向导数",
    )
    page.text(
        "At $s = 0$ the slope is $g \\cdot v$. Along $v = -g$ it is $-|g|^2$: as long as the gradient is not zero, there is a way down, and the "
        "point is no minimum. By how much a whole step goes down:",
        "在 $s = 0$ 处斜率为 $g \\cdot v$；取 $v = -g$ 则为 $-|g|^2$：只要梯度不为零就能继续下降，该点不是极小点。走完整的一步，函数值变为：",
    )
    page.claim(
        "expansion around $w$",
        cost(w + s * v),
        cost(w) + s * sd.sum(gradient * v) + s**2 * sd.sum((X @ v) ** 2) / 2,
        lhs_latex="C(w + s v)",
        zh="在 $w$ 处展开",
    )


#: Functions of two variables whose gradient is zero at the origin, and what the Hessian says there.
POINTS: tuple[tuple[str, Callable[[Any, Any], Any], str, str], ...] = (
    ("x^2 + y^2", lambda x, y: x**2 + y**2, "minimum", "极小"),
    ("-x^2 - y^2", lambda x, y: -(x**2) - y**2, "maximum", "极大"),
    ("x^2 - y^2", lambda x, y: x**2 - y**2, "saddle", "鞍点"),
    ("x y", lambda x, y: x * y, "saddle", "鞍点"),
    ("x^2 + y^4", lambda x, y: x**2 + y**4, "undecided", "不定"),
    ("x^2 - y^4", lambda x, y: x**2 - y**4, "undecided", "不定"),
)


def kinds_of_points(page: sd.Page) -> None:
    """Minimum, maximum, saddle, or undecided: the signs of the Hessian's eigenvalues."""
    page.heading("Minimum, maximum or saddle", "极小、极大还是鞍点")
    page.text(
        "Where the gradient is zero, the Hessian decides: all eigenvalues positive, a minimum; all negative, a maximum; both signs, a saddle. "
        "With an eigenvalue zero and no two signs, it does not decide.",
        "梯度为零处由黑塞矩阵判别：特征值全正为极小，全负为极大，有正有负为鞍点。若有零特征值且其余同号，则无法判别。",
    )
    for latex, function, expected, zh in POINTS:
        u = sd.tensor("u", 2)
        value = function(u[0], u[1])
        at_origin = {u[k].sympy: 0 for k in range(2)}
        slope = [sd.grad(value, u)[k].sympy.subs(at_origin) for k in range(2)]
        hessian = hessian_matrix(value, u).subs(at_origin)
        eigenvalues = sorted(ev for ev, times in hessian.eigenvals().items() for _ in range(times))
        shown = ", ".join(map(sp.latex, eigenvalues))
        page.text(
            f"$f = {latex}$: the Hessian at the origin is ${sp.latex(hessian)}$, its eigenvalues are ${shown}$: {expected}.",
            f"$f = {latex}$：原点处黑塞矩阵为 ${sp.latex(hessian)}$，特征值为 ${shown}$：{zh}。",
        )
        page.fact(f"gradient of {latex} at the origin", [float(g) for g in slope], [0.0, 0.0])
        page.fact(f"what the Hessian says of {latex}", classify(eigenvalues), expected)
    page.text(
        "The last two have the same Hessian at the origin. Along $x = 0$ the first rises and the second falls: one is a minimum, the other a "
        "saddle, and only higher derivatives can tell.",
        "最后两个函数在原点的黑塞矩阵相同。沿 $x = 0$，前者上升而后者下降：一个是极小，另一个是鞍点，只有更高阶导数才能区分。",
    )
    t = sp.Symbol("t")
    for sign, (_, function, _, _) in ((1, POINTS[4]), (-1, POINTS[5])):
        fourth = sd.grad(sd.grad(sd.grad(sd.grad(function(sp.S.Zero, t), t), t), t), t)
        page.claim("fourth derivative along $x = 0$", fourth, sp.Integer(24 * sign), lhs_latex=r"\frac{d^4 f(0, t)}{dt^4}", zh="沿 $x = 0$ 的四阶导数")


def hessian_matrix(value: sd.Expr, u: sd.Expr) -> sp.Matrix:
    """The Hessian by a short vector, element by element."""
    whole = sd.hessian(value, u)
    size = len(u)
    return sp.Matrix(size, size, lambda i, j: whole[i, j].sympy)


def classify(eigenvalues: list[sp.Expr]) -> str:
    """What the signs of the Hessian's eigenvalues say of a point with gradient zero."""
    if any(e > 0 for e in eigenvalues) and any(e < 0 for e in eigenvalues):
        return "saddle"
    if any(e == 0 for e in eigenvalues):
        return "undecided"
    return "minimum" if eigenvalues[0] > 0 else "maximum"


def learning_rate(page: sd.Page) -> None:
    """On a quadratic, a step multiplies the distance to the minimum by 1 - eta lambda."""
    curvature, eta, w, w0 = sp.symbols("lambda eta w w_0", positive=True)
    k = sd.dims("k")
    page.heading("The largest stable learning rate", "最大的稳定学习率")
    page.text(
        "Near a minimum every function is a quadratic, and along an eigenvector of the Hessian, with eigenvalue $\\lambda > 0$, it is $\\lambda w^2/2$.",
        "在极小点附近，任何函数都近似为二次函数；沿黑塞矩阵特征值 $\\lambda > 0$ 的特征向量方向，它就是 $\\lambda w^2/2$。",
    )
    derived = sd.derive(curvature * w**2 / 2, w)
    page.derivation(derived)
    factor = 1 - eta * curvature
    page.claim("one step", w - eta * derived[w], factor * w, lhs_latex=r"w - \eta \frac{dC}{dw}", zh="一步")
    page.claim(
        "$k$ steps: from $k$ to $k + 1$",
        sp.Mul(factor, factor**k * w0, evaluate=False),
        factor ** (k + 1) * w0,
        zh="$k$ 步：由 $k$ 到 $k + 1$",
    )
    page.claim("size of the factor", factor**2 - 1, -eta * curvature * (2 - eta * curvature), zh="因子的大小")
    page.text(
        "So after $k$ steps $w_k = (1 - \\eta\\lambda)^k w_0$. It tends to 0 if and only if the factor's square is below 1, that is "
        "$0 < \\eta < 2/\\lambda$; in several dimensions the largest eigenvalue decides, $\\eta < 2/\\lambda_{\\max}$.",
        "所以 $k$ 步之后 $w_k = (1 - \\eta\\lambda)^k w_0$。当且仅当因子的平方小于 1，即 $0 < \\eta < 2/\\lambda$ 时趋于 0；"
        "多维时由最大特征值决定，$\\eta < 2/\\lambda_{\\max}$。",
    )
    u = sd.tensor("u", 2)
    cost = (3 * u[0] ** 2 + 2 * u[0] * u[1] + 3 * u[1] ** 2) / 2
    eigenvalues = sorted(hessian_matrix(cost, u).eigenvals())
    largest = eigenvalues[-1]
    limit = float(2 / largest)
    page.text(
        f"For example $C = {formula_latex(cost)}$: the eigenvalues are ${', '.join(map(sp.latex, eigenvalues))}$, "
        f"so the limit is $\\eta = {sp.latex(2 / largest)}$.",
        f"例如 $C = {formula_latex(cost)}$：特征值为 ${', '.join(map(sp.latex, eigenvalues))}$，故上限为 $\\eta = {sp.latex(2 / largest)}$。",
    )
    start = np.array([2.0, 1.0])
    for what, share, expected in (("1 % below the limit", 0.99, "tends to 0"), ("1 % above it", 1.01, "grows without bound")):
        path = descend(cost, start, share * limit, 2000)
        page.fact(f"descent with a learning rate {what}", fate(path), expected)
    # Along the eigenvector (1, 1) the factor at the limit is exactly -1: it jumps to and fro for ever.
    path = descend(cost, np.array([1.0, 1.0]), limit, 101)
    page.fact("at the limit it jumps to and fro", path[-1], [-1.0, -1.0])


def descend(cost: sd.Expr, start: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """The points of gradient descent on a function of one vector, (steps + 1, n)."""
    name = cost.inputs[0]
    gradient = sd.value_and_grad(cost, [name])
    path = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(**{name: path[-1]})[1][name])
    return np.array(path)


def fate(path: np.ndarray) -> str:
    """Where a path ends, in words."""
    first, last = np.linalg.norm(path[0]), np.linalg.norm(path[-1])
    if last < 1e-6 * first:
        return "tends to 0"
    return "grows without bound" if last > 1e6 * first else "neither"


def picture(page: sd.Page) -> None:
    """The path on the contour lines of a long valley."""
    u = sd.tensor("u", 2)
    valley = (u[0] ** 2 + 10 * u[1] ** 2) / 2
    path = descend(valley, np.array([-9.0, 2.0]), 0.18, 40)
    page.heading("The path on the contour lines", "等高线上的路径")
    page.fact("the path ends at the minimum", bool(np.linalg.norm(path[-1]) < 0.01), True)
    page.text(
        "In a long valley the gradient points across it, not along it: the path jumps from wall to wall while it creeps towards the minimum.",
        "在狭长的谷中，梯度指向谷壁而不是沿着谷底：路径在两壁之间跳动，同时缓慢移向极小点。",
    )
    page.figure(
        contours(valley, path),
        "Gradient descent on $(u_0^2 + 10 u_1^2)/2$ with learning rate 0.18, just below the limit 0.2.",
        "在 $(u_0^2 + 10 u_1^2)/2$ 上的梯度下降，学习率 0.18，略低于上限 0.2。",
    )


def contours(cost: sd.Expr, path: np.ndarray) -> str:
    """The drawing, as SVG text."""
    x, y = sp.symbols("x y")
    formula = cost.sympy
    u = sp.IndexedBase("u", shape=(2,))
    height = sp.lambdify([x, y], formula.subs({u[0]: x, u[1]: y}), "numpy")
    return contour_path_svg(height, path)


def saito(page: sd.Page) -> None:
    """x0^2 + x1^2 from (-3, 4), as the textbook prints it."""
    u = sd.tensor("x", 2)
    cost = sd.sum(u**2)
    start = np.array([-3.0, 4.0])
    page.heading("A textbook's descent", "教科书中的梯度下降")
    page.text(
        "Saito descends on $x_0^2 + x_1^2$ from $(-3, 4)$ in 100 steps. Each step multiplies by $1 - 2\\eta$: with $\\eta = 0.1$ it arrives, "
        "with $10^{-10}$ it hardly moves, with $10$ it explodes.",
        "斋藤在 $x_0^2 + x_1^2$ 上从 $(-3, 4)$ 出发下降 100 步。每步乘以 $1 - 2\\eta$：$\\eta = 0.1$ 时到达，$10^{-10}$ 时几乎不动，$10$ 时发散。",
    )
    page.derivation(sd.derive(cost, u))
    page.fact("learning rate 0.1", descend(cost, start, 0.1, 100)[-1], [-6.11110793e-10, 8.14814391e-10], tol=1e-8)
    page.fact("learning rate 1e-10", descend(cost, start, 1e-10, 100)[-1], [-2.99999994, 3.99999992], tol=1e-8)
    exact = [float(c * sp.Integer(-19) ** 100) for c in (-3, 4)]
    page.fact("learning rate 10: each step multiplies by -19", descend(cost, start, 10.0, 100)[-1], exact, tol=1e-12)
    page.text(
        "For learning rate 10 the book prints $(-2.58983747 \\cdot 10^{13}, -1.29524862 \\cdot 10^{12})$. That is no property of the function: the book "
        "takes numeric differences with $h = 10^{-4}$, and far out, where $x \\pm h$ is $x$, these are 0 and the descent stands still.",
        "学习率为 10 时，书中打印 $(-2.58983747 \\cdot 10^{13}, -1.29524862 \\cdot 10^{12})$。这并非函数的性质：书中用 $h = 10^{-4}$ 的数值差分，"
        "在远处 $x \\pm h$ 等于 $x$，差分为 0，下降停住。",
    )
    page.fact("the book's own numeric differences", numeric_descent([-3.0, 4.0], 10.0, 100), [-2.58983747e13, -1.29524862e12], tol=1e-8)


def numeric_descent(start: list[float], rate: float, steps: int, h: float = 1e-4) -> list[float]:
    """Descent on x0^2 + x1^2 by central differences, as in the book's section 4.4.2."""
    x = list(start)
    for _ in range(steps):
        slopes = []
        for k in range(2):
            right, left = [*x], [*x]
            right[k], left[k] = x[k] + h, x[k] - h
            slopes.append((right[0] ** 2 + right[1] ** 2 - (left[0] ** 2 + left[1] ** 2)) / (2 * h))
        x = [value - rate * slope for value, slope in zip(x, slopes, strict=True)]
    return x


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
