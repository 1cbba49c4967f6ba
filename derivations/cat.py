"""Is this a cat? The output as a probability, and why cross-entropy learns where least squares stands still.

Derived: the Bernoulli likelihood a^t (1 - a)^(1 - t), its logarithm, cross-entropy and its gradient a - t by the weighted sum z; the
gradient (a - t) a (1 - a) of least squares, which vanishes where the neuron is confidently wrong; both for N images and n inputs; the softmax for
several classes.
Source: M. Nielsen, Neural Networks and Deep Learning, chapter 3; Goodfellow et al., Deep Learning, sections 6.2.2.2 and 6.2.2.3.
"""

from __future__ import annotations

import sys

import sympy as sp

import symdl as sd

z, a, t = sd.tensor("z"), sd.tensor("a"), sd.tensor("t")


def likelihood(page: sd.Page) -> None:
    page.heading("The output as a probability", "把输出看作概率")
    page.text(
        r"Let the output $a = \sigma(z)$ of a sigmoid neuron be the probability that the picture shows a cat, and $1 - a$ that it does not. Let $t = 1$ for "
        "a cat and $t = 0$ for anything else. Then one formula, $a^t (1 - a)^{1 - t}$, is the probability of what the picture really shows: the likelihood "
        "(Bernoulli's distribution).",
        r"设 sigmoid 神经元的输出 $a = \sigma(z)$ 是图片中有猫的概率, $1 - a$ 是没有猫的概率. 有猫时 $t = 1$, 没有时 $t = 0$. 那么 $a^t (1 - a)^{1 - t}$ 这"
        "一个公式就是图片实际内容的概率: 似然 (伯努利分布).",
    )
    out, target = sp.symbols("a t")
    chance = out**target * (1 - out) ** (1 - target)
    shown = sp.latex(chance)
    page.claim("likelihood of a cat", chance.subs(target, 1), out, lhs_latex=rf"\left. {shown} \right|_{{t = 1}}", zh="有猫时的似然")
    page.claim("likelihood of no cat", chance.subs(target, 0), 1 - out, lhs_latex=rf"\left. {shown} \right|_{{t = 0}}", zh="没有猫时的似然")
    page.claim("the two add up to 1", chance.subs(target, 1) + chance.subs(target, 0), sp.S.One, lhs_latex=r"\sum_{t \in \{0, 1\}} " + shown, zh="两者之和为 1")
    page.text(
        "Pictures are independent, so their likelihoods multiply. The logarithm turns the product into a sum and does not move the maximum; with a minus "
        "sign the best explanation becomes the least error. That error is the cross-entropy.",
        r"各张图片相互独立, 所以它们的似然相乘. 取对数把乘积变成和, 且不改变最大值的位置; 再加负号, 最好的解释就成了最小的误差. 这个误差就是交叉熵.",
    )
    s = sd.let("a", sd.sigmoid(z))
    log_likelihood = t * sd.log(s) + (1 - t) * sd.log(1 - s)
    page.claim("logarithm of the likelihood", sd.log(s**t * (1 - s) ** (1 - t)), log_likelihood, zh="似然的对数")
    page.claim("with a minus sign", cross_entropy(t, s), -log_likelihood, lhs_latex="C", zh="加上负号")


def cross_entropy(target: sd.Expr, output: sd.Expr) -> sd.Expr:
    """Cross-entropy of yes-or-no answers, at every element."""
    return -target * sd.log(output) - (1 - target) * sd.log(1 - output)


def gradients(page: sd.Page) -> None:
    page.heading("The gradient of cross-entropy", "交叉熵的梯度")
    page.text(
        r"By the output, cross-entropy has the slope $(a - t)/(a(1 - a))$. By the chain rule it is multiplied by $\sigma'(z) = a(1 - a)$, which cancels: "
        "what is left is the plain error $a - t$.",
        r"交叉熵对输出的斜率是 $(a - t)/(a(1 - a))$. 由链式法则再乘以 $\sigma'(z) = a(1 - a)$, 正好约去: 剩下的就是误差 $a - t$ 本身.",
    )
    page.claim("slope by the output", sd.grad(cross_entropy(t, a), a), (a - t) / (a * (1 - a)), lhs_latex=r"\frac{\partial C}{\partial a}", zh="对输出的斜率")
    output = sd.let("a", sd.sigmoid(z))
    derived = sd.derive(cross_entropy(t, output), z)
    page.derivation(derived)
    page.chain(
        derived[z],
        ("multiply out", (1 - t) * output - t * (1 - output), "展开"),
        ("the products a t cancel", output - t, "乘积 a t 约去"),
        start_latex=r"\frac{\partial C}{\partial z}",
    )
    page.text(
        "Shorter still: with the logarithms worked out, cross-entropy is the softplus less $t z$. Its derivative needs no cancelling, and its value no "
        "logarithm of a rounded 0.",
        "还可以更短: 把对数算出来, 交叉熵就是 softplus 减去 $t z$. 它的导数不需要约分, 它的值也不需要对舍入得到的 0 取对数.",
    )
    page.claim("cross-entropy in terms of z", cross_entropy(t, sd.sigmoid(z)), sd.softplus(z) - t * z, zh="用 z 表示的交叉熵")
    page.derivation(sd.derive(sd.softplus(z) - t * z, z))
    page.heading("The gradient of least squares", "最小二乘的梯度")
    page.text(
        r"For the squared error the factor $a(1 - a)$ stays. It is small wherever the neuron is sure of itself, be it right or wrong.",
        r"对于平方误差, 因子 $a(1 - a)$ 保留下来. 只要神经元很确信, 无论对错, 它都很小.",
    )
    squares = sd.derive((output - t) ** 2 / 2, z)
    page.derivation(squares)
    page.claim(
        "gradient of least squares",
        squares[z],
        (output - t) * output * (1 - output),
        lhs_latex=r"\frac{\partial}{\partial z} \frac{(a - t)^2}{2}",
        zh="最小二乘的梯度",
    )
    page.claim(
        "the two gradients compared",
        squares[z],
        derived[z] * output * (1 - output),
        lhs_latex=r"\frac{\partial}{\partial z} \frac{(a - t)^2}{2}",
        rhs_latex=r"\frac{\partial C}{\partial z} \cdot a(1 - a)",
        zh="两个梯度的比较",
    )


def saturation(page: sd.Page) -> None:
    page.heading("Sure, and wrong", "确信, 但是错了")
    page.text(
        r"A cat ($t = 1$) that the neuron is sure is none: $z \to -\infty$, $a \to 0$. Cross-entropy then pulls with full force, $a - t \to -1$; least "
        "squares lets go, although the error could not be larger.",
        r"一只猫 ($t = 1$), 而神经元确信不是猫: $z \to -\infty$, $a \to 0$. 此时交叉熵全力拉回, $a - t \to -1$; 最小二乘却放手不管, 尽管误差已经大到极点.",
    )
    at = sp.Symbol("z", real=True)
    s = sd.sigmoid(at)
    entropy = sp.diff(-sp.log(s), at)
    squares = sp.diff((s - 1) ** 2 / 2, at)
    for name, zh, slope, limit in (("cross-entropy", "交叉熵", entropy, -1), ("least squares", "最小二乘", squares, 0)):
        page.claim(
            f"slope of {name} in the limit",
            sp.limit(sp.simplify(slope.rewrite(sp.exp)), at, -sp.oo),
            sp.Integer(limit),
            lhs_latex=rf"\lim_{{z \to -\infty}} {sp.latex(sp.simplify(slope))}",
            zh=f"{zh}斜率的极限",
        )
    of_entropy = sd.value_and_grad(cross_entropy(t, sd.sigmoid(z)), z)
    of_squares = sd.value_and_grad((sd.sigmoid(z) - t) ** 2 / 2, z)
    for place in (-10, -40):
        for name, slope, gradient in (("cross-entropy", entropy, of_entropy), ("least squares", squares, of_squares)):
            exact = float(slope.subs(at, place).evalf(40))
            page.fact(f"slope of {name} at z = {place}, t = 1", gradient(z=float(place), t=1.0)[1]["z"], exact)
    ratio = sd.evaluate(sd.grad((sd.sigmoid(z) - t) ** 2 / 2, z), z=-40.0, t=1.0) / sd.evaluate(sd.grad((sd.sigmoid(z) - t) ** 2 / 2, z), z=0.0, t=1.0)
    page.fact("at z = -40 least squares pulls less than 1e-15 as hard as at z = 0", bool(abs(ratio) < 1e-15), True)


def many_images(page: sd.Page) -> None:
    page.heading("Many images", "多张图片")
    page.text(
        "For $N$ images with $n$ inputs each, rows of $X$, and a neuron with weights $w$ and bias $b$, the errors add up with the inputs as weights. No "
        "image is forgotten because the neuron is sure of it.",
        r"对 $N$ 张图片 ($X$ 的各行, 每张 $n$ 个输入) 和权重为 $w$, 偏置为 $b$ 的神经元, 误差以输入为权重相加. 没有图片因为神经元很确信而被遗忘.",
    )
    images, n = sd.dims("N n")
    X, y = sd.tensor("X", images, n), sd.tensor("y", images)
    w, b = sd.tensor("w", n), sd.tensor("b")
    output = sd.let("a", sd.sigmoid(X @ w + b))
    entropy = sd.derive(sd.sum(cross_entropy(y, output)), [w, b])
    squares = sd.derive(sd.sum((output - y) ** 2) / 2, [w, b])
    page.claim(
        "weights, cross-entropy",
        entropy[w],
        X.T @ (output - y),
        lhs_latex=r"\frac{\partial C}{\partial w}",
        zh="权重, 交叉熵",
    )
    page.claim("bias, cross-entropy", entropy[b], sd.sum(output - y), lhs_latex=r"\frac{\partial C}{\partial b}", zh="偏置, 交叉熵")
    page.claim(
        "weights, least squares",
        squares[w],
        X.T @ ((output - y) * output * (1 - output)),
        lhs_latex=r"\frac{\partial}{\partial w} \sum_k \frac{(a_k - y_k)^2}{2}",
        zh="权重, 最小二乘",
    )


def several_classes(page: sd.Page) -> None:
    page.heading("Several classes", "多个类别")
    page.text(
        r"Cat, dog, bird ...: with $m$ classes the probabilities are the softmax $p_j = e^{z_j} / \sum_l e^{z_l}$, and the cross-entropy is "
        r"$C = -\sum_j t_j \log p_j$.",
        r"猫, 狗, 鸟 ...: 有 $m$ 个类别时, 概率是 softmax $p_j = e^{z_j} / \sum_l e^{z_l}$, 交叉熵是 $C = -\sum_j t_j \log p_j$.",
    )
    m = sd.dims("m")
    logits, targets = sd.tensor("z", m), sd.tensor("t", m)
    softmax = sd.softmax(logits)
    p = sd.let("p", softmax)
    page.claim("probabilities add up to 1", sd.sum(p), 1, zh="概率之和为 1")
    derived = sd.derive(sd.cross_entropy(softmax, targets), logits)
    page.derivation(derived)
    page.claim(
        "gradient of cross-entropy",
        derived[logits],
        p * sd.sum(targets) - targets,
        lhs_latex=r"\frac{\partial C}{\partial z}",
        zh="交叉熵的梯度",
    )
    page.text(
        "Targets are probabilities too: they add up to 1 (one of them is 1 when the answer is known). Then the gradient is $p - t$. To state it for any "
        r"such targets, write them as $t_j = s_j / \sum_l s_l$.",
        r"目标也是概率: 它们的和为 1 (答案已知时其中一个为 1). 于是梯度为 $p - t$. 为了对任意这样的目标陈述它, 把目标写成 $t_j = s_j / \sum_l s_l$.",
    )
    s = sd.tensor("s", m, facts="positive")
    shares = sd.let("t", s / sd.sum(s))
    page.claim(
        "targets that add up to 1",
        sd.grad(sd.cross_entropy(softmax, shares), logits),
        p - shares,
        lhs_latex=r"\frac{\partial C}{\partial z}",
        zh="和为 1 的目标",
    )
    first = sd.grad(-sd.log(softmax[0]), logits)
    page.claim("the answer is the first class", first[0], p[0] - 1, lhs_latex=r"\frac{\partial (-\log p_1)}{\partial z_1}", zh="答案是第一类")
    first_logit, second_logit = sp.symbols("z_1 z_2")
    page.claim(
        "two classes are the sigmoid of the difference",
        sp.exp(first_logit) / (sp.exp(first_logit) + sp.exp(second_logit)),
        sd.sigmoid(first_logit - second_logit),
        zh="两个类别就是差的 sigmoid",
    )


def page() -> sd.Page:
    """Is this a cat?"""
    made = sd.Page("Is this a cat? Cross-entropy against least squares", "这是猫吗? 交叉熵与最小二乘", "cat")
    likelihood(made)
    gradients(made)
    saturation(made)
    many_images(made)
    several_classes(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
