"""One attention head: the gradients by queries, keys and values, and why a bias on the keys learns nothing.

Derived, for n queries, m keys of p features, m values of h features: with S = Q K^T/sqrt(p), P = softmax(S) row by row, O = P V and G = dC/dO,
dC/dV = P^T G, dC/dP = G V^T, dC/dS = P (dC/dP - rowsum(P dC/dP)), dC/dQ = dC/dS K/sqrt(p), dC/dK = dC/dS^T Q/sqrt(p); a bias added to all keys shifts
every row of S by one number, which the softmax does not see: its gradient is identically zero.
Source: A. Vaswani et al. 2017, Attention Is All You Need, equation (1).
"""

from __future__ import annotations

import sys

import symdl as sd

n, m, p, h = sd.dims("n m p h")
Q, K, V = sd.tensor("Q", n, p), sd.tensor("K", m, p), sd.tensor("V", m, h)
G, b = sd.tensor("G", n, h), sd.tensor("b", p)


def head(keys: sd.Expr) -> tuple[sd.Expr, sd.Expr, sd.Expr]:
    """Scores, weights and the loss sum(G * output)."""
    scores = sd.let("S", Q @ keys.T / sd.sqrt(p))
    weights = sd.let("P", sd.softmax(scores, axis=1))
    return scores, weights, sd.sum(G * (weights @ V))


def gradients(page: sd.Page) -> None:
    page.heading("Queries, keys, values", "查询, 键, 值")
    page.text(
        r"Every query weighs the values by how well its keys fit: $O = \operatorname{softmax}(QK^T/\sqrt{p})\,"
        r"V$. $G = \partial C/\partial O$ comes in from above.",
        r"每个查询按键的匹配程度对值加权: $O = \operatorname{softmax}(QK^T/\sqrt{p})\,V$. $G = \partial C/\partial O$ 从上面传入.",
    )
    scores, weights, loss = head(K)
    derived = sd.derive(loss, [Q, K, V, scores, weights])
    page.derivation(derived)
    back = G @ V.T
    by_scores = weights * (back - sd.sum(weights * back, axis=1, keepdims=True))
    page.claim("by the weights", derived["P"], back, lhs_latex=r"\frac{\partial C}{\partial P}", zh="对注意力权重")
    page.claim("through the softmax", derived["S"], by_scores, lhs_latex=r"\frac{\partial C}{\partial S}", zh="经过 softmax")
    page.claim("by the values", derived[V], weights.T @ G, lhs_latex=r"\frac{\partial C}{\partial V}", zh="对值")
    page.claim("by the queries", derived[Q], by_scores @ K / sd.sqrt(p), lhs_latex=r"\frac{\partial C}{\partial Q}", zh="对查询")
    page.claim("by the keys", derived[K], by_scores.T @ Q / sd.sqrt(p), lhs_latex=r"\frac{\partial C}{\partial K}", zh="对键")


def key_bias(page: sd.Page) -> None:
    page.heading("A bias on the keys", "键上的偏置")
    page.text(
        r"A bias $b$ added to every key adds $q_i \cdot b/\sqrt{p}$ to a whole row of scores. The rows of $\partial C/\partial S$ add up to zero, so "
        "nothing of it comes back: whatever the data, this parameter never moves, and can be left out.",
        r"加到每个键上的偏置 $b$ 使整行得分都加上 $q_i \cdot b/\sqrt{p}$. $\partial C/\partial S$ 的各行之和为零, 所以没有任何信号返回: 无论数据如何, 这个"
        "参数从不移动, 可以去掉.",
    )
    scores, _, loss = head(K + b)
    page.claim(
        "rows add up to zero", sd.sum(sd.grad(loss, scores), axis=1), 0 * Q[:, 0], lhs_latex=r"\sum_l \frac{\partial C}{\partial S_{il}}", zh="各行之和为零"
    )
    page.claim("the gradient of a bias on the keys", sd.grad(loss, b), 0 * b, lhs_latex=r"\frac{\partial C}{\partial b}", zh="键偏置的梯度")


def page() -> sd.Page:
    """One attention head."""
    made = sd.Page("One attention head", "一个注意力头", "attention")
    gradients(made)
    key_bias(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
