"""The receipt: forward propagation adds up the bill, backward propagation says what each entry contributes to it.

Derived: 100 x 2 x 1.1 = 220, and backward 1 -> 1.1 -> 2.2 (price), 110 (count), 200 (tax); apples and oranges at one tax rate: 715, with
2.2 and 110 (apple), 3.3 and 165 (orange), 650 (tax). Which intermediate derivative is shared, and what sharing saves.
Source: K. Saito, Deep Learning from Scratch, sections 5.1 and 5.4 (computational graphs).
"""

from __future__ import annotations

import sys
from fractions import Fraction

import sympy as sp

import symdl as sd

ONE_APPLE = {"price": 100, "count": 2, "tax": 1.1}
FRUIT = {"apple_price": 100, "apple_count": 2, "orange_price": 150, "orange_count": 3, "tax": 1.1}


def bill() -> sd.Expr:
    """price x count x tax, with its intermediate result named."""
    price, count, tax = sd.tensor("price"), sd.tensor("count"), sd.tensor("tax")
    subtotal = sd.let("subtotal", price * count)
    return sd.let("total", subtotal * tax)


def fruit_bill() -> sd.Expr:
    """(apples + oranges) x tax, with its intermediate results named."""
    lines = [sd.let(kind, sd.tensor(f"{kind}_price") * sd.tensor(f"{kind}_count")) for kind in ("apple", "orange")]
    subtotal = sd.let("subtotal", lines[0] + lines[1])
    return sd.let("total", subtotal * sd.tensor("tax"))


def exactly(expr: sd.Expr, values: dict[str, float]) -> sp.Expr:
    """The value of an expression, in exact fractions: 1.1 is 11/10."""
    plain = expr.sympy
    return plain.subs({s: sp.Rational(Fraction(str(values[s.name]))) for s in plain.free_symbols})


def propagate(page: sd.Page, total: sd.Expr, values: dict[str, float], forward: dict[str, float], backward: dict[str, float]) -> None:
    """Both passes with numbers, the drawing, and the same by exact arithmetic on the derived formulas."""
    graph = sd.Graph.of(total)
    went, came = graph.forward(**values), graph.backward("total", **values)
    for name, value in forward.items():
        page.fact(f"forward: {name}", went[name], value)
    for name, value in backward.items():
        page.fact(f"backward: {name}", came[name], value)
    for name in values:
        page.fact(
            f"one more {name} changes the total, over 1, by",
            total_at(total, values | {name: values[name] + 1}) - total_at(total, values),
            backward[name],
            1e-10,
        )
    page.figure(
        graph.svg(values=values),
        "Forward values above each arrow, backward values below.",
        "每个箭头上方是正向的值, 下方是反向的值.",
    )
    derived = sd.derive(total, list(values))
    page.derivation(derived)
    for name in values:
        shown = rf"\frac{{\partial\, \mathrm{{total}}}}{{\partial\, \text{{{name.replace('_', ' ')}}}}}"
        page.claim(
            f"at the prices of the receipt, by {name}",
            exactly(derived[name], values),
            sp.Rational(Fraction(str(backward[name]))),
            lhs_latex=shown,
            zh=f"代入收据上的数, 对 {name}",
        )


def total_at(total: sd.Expr, values: dict[str, float]) -> float:
    return float(sd.evaluate(total, **values))


def one_kind(page: sd.Page) -> None:
    page.heading("Two apples", "两个苹果")
    page.text(
        "Two apples at 100 each, and 10 percent tax. Forward, from left to right: 100 times 2 is 200, times 1.1 is 220. Backward, from right to left: the "
        "total changes by 1 when the total changes by 1. A product hands each of its factors what arrives times the other factor: 1 times 1.1 for the "
        "subtotal, 1 times 200 for the tax; then 1.1 times 2 is 2.2 for the price and 1.1 times 100 is 110 for the count. So an apple dearer by 1 makes "
        "the bill dearer by 2.2.",
        "两个苹果, 每个 100 元, 消费税 10%. 正向从左到右: 100 乘 2 得 200, 再乘 1.1 得 220. 反向从右到左: 总价变化 1, 总价就变化 1. 乘法把传来的值乘以另一"
        "个因子交给每个因子: 小计得到 1 乘 1.1, 税率得到 1 乘 200; 然后价格得到 1.1 乘 2 等于 2.2, 个数得到 1.1 乘 100 等于 110. 所以苹果贵 1 元, 总价就贵 "
        "2.2 元.",
    )
    propagate(
        page,
        bill(),
        ONE_APPLE,
        {"subtotal": 200.0, "total": 220.0},
        {"total": 1.0, "subtotal": 1.1, "price": 2.2, "count": 110.0, "tax": 200.0},
    )


def two_kinds(page: sd.Page) -> None:
    page.heading("Apples and oranges", "苹果和橘子")
    page.text(
        "Two apples at 100 and three oranges at 150, 10 percent tax on the sum. A sum hands what arrives to each of its terms unchanged.",
        "两个 100 元的苹果和三个 150 元的橘子, 对总和征 10% 的税. 加法把传来的值原样交给每一项.",
    )
    propagate(
        page,
        fruit_bill(),
        FRUIT,
        {"apple": 200.0, "orange": 450.0, "subtotal": 650.0, "total": 715.0},
        {
            "total": 1.0,
            "subtotal": 1.1,
            "apple": 1.1,
            "orange": 1.1,
            "apple_price": 2.2,
            "apple_count": 110.0,
            "orange_price": 3.3,
            "orange_count": 165.0,
            "tax": 650.0,
        },
    )


def sharing(page: sd.Page) -> None:
    page.heading("What is shared", "共用了什么")
    page.text(
        r"The derivative $\partial\,\mathrm{total}/\partial\,\mathrm{subtotal} = 1.1$ is found once and used for both prices and both counts. By the chain "
        "rule each of their derivatives begins with it. Following every path from the total to an input by itself would work it out anew on every path; "
        "going backward, every arrow is passed once. On larger graphs the paths multiply at every branching while the arrows only add up. This is why one "
        "backward pass gives all derivatives for about the price of the forward pass, and why neural networks can be trained.",
        r"导数 $\partial\,\mathrm{total}/\partial\,\mathrm{subtotal} = 1.1$ 只求一次, 却用于两个价格和两个个数: 由链式法则, 它们的导数都以它开头. 若沿着从总"
        "价到每个输入的每条路径分别计算, 就要在每条路径上重新求它; 而反向传播中每个箭头只经过一次. 在更大的图中, 路径数在每个分支处相乘, 箭头数只是相加. 因"
        "此一次反向传播就能以大约一次正向传播的代价求出全部导数, 神经网络才得以训练.",
    )
    total = fruit_bill()
    shared = sd.grad(total, "subtotal")
    page.claim("the shared derivative", shared, sd.tensor("tax"), lhs_latex=r"\frac{\partial\,\mathrm{total}}{\partial\,\mathrm{subtotal}}", zh="共用的导数")
    derived = sd.derive(total, ["apple_price", "apple_count", "orange_price", "orange_count"])
    for kind in ("apple", "orange"):
        for of, other in (("price", "count"), ("count", "price")):
            page.claim(
                f"chain rule, {kind} {of}",
                derived[f"{kind}_{of}"],
                shared * sd.tensor(f"{kind}_{other}"),
                lhs_latex=rf"\frac{{\partial\,\mathrm{{total}}}}{{\partial\,\text{{{kind} {of}}}}}",
                zh=f"链式法则, {kind}_{of}",
            )
    came = sd.Graph.of(total).backward("total", **FRUIT)
    page.fact("its value, also at apple and orange", [came["subtotal"], came["apple"], came["orange"]], [1.1, 1.1, 1.1])
    page.text(
        "Counted on the drawing of the two kinds of fruit: the arrows, and the arrows on all paths from the total to an input.",
        "在两种水果的图上数一数: 箭头的总数, 以及从总价到各个输入的所有路径上的箭头总数.",
    )
    page.fact("arrows, each passed once going backward", len(sd.Graph.of(total).edges), 8)
    page.fact("arrows on all paths, each path followed by itself", arrows_on_paths(total), 13)


def arrows_on_paths(total: sd.Expr) -> int:
    """The lengths of all paths from the total to an input, added up."""
    graph = sd.Graph.of(total)
    below: dict[str, list[str]] = {}
    for source, target in graph.edges:
        below.setdefault(target, []).append(source)
    length, ends = 0, [(graph.output, 0)]
    while ends:
        name, depth = ends.pop()
        ends += [(source, depth + 1) for source in below.get(name, [])]
        length += 0 if name in below else depth
    return length


def page() -> sd.Page:
    """The receipt."""
    made = sd.Page("The receipt: forward and backward", "收据: 正向传播与反向传播", "receipt")
    one_kind(made)
    two_kinds(made)
    sharing(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
