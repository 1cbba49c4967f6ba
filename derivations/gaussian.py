"""The normal distribution: its negative log-likelihood by mean, covariance and Cholesky factor; the divergence of two.

Derived, for n samples of p features: with D = Y - mu, the gradient by mu is -Sigma^-1 sum D, by Sigma (n Sigma^-1 - Sigma^-1 D^T D Sigma^-1)/2, which vanishes
at the mean and the covariance of the samples; by the Cholesky factor L, Sigma = L L^T, twice that times L. The Kullback-Leibler divergence of two normal
distributions and its gradients, which vanish where the two are equal.
Source: K. B. Petersen and M. S. Pedersen, The Matrix Cookbook, sections 2.1, 2.2 and 8; T. P. Minka 1997, Old and New Matrix Algebra Useful for Statistics.
"""

from __future__ import annotations

import sys

import symdl as sd

n, p = sd.dims("n p")
Y, mu = sd.tensor("Y", n, p), sd.tensor("mu", p)
D = Y - mu


def likelihood(page: sd.Page) -> None:
    page.heading("Mean and covariance", "均值与协方差")
    S = sd.tensor("Sigma", p, p, facts="posdef")
    loss = n * sd.logdet(S) / 2 + sd.trace(D @ sd.inv(S) @ D.T) / 2
    page.text(
        "The negative log-likelihood of the samples, up to a constant, falls with a covariance that fits and rises with its volume.",
        "样本的负对数似然 (差一个常数) 随协方差的吻合而减小, 随其体积而增大.",
    )
    derived = sd.derive(loss, [mu, S])
    page.derivation(derived)
    inverse = sd.inv(S)
    page.claim("by the mean", derived[mu], -inverse @ sd.sum(D, axis=0), lhs_latex=r"\frac{\partial C}{\partial \mu}", zh="对均值")
    by_covariance = (n * inverse - inverse @ D.T @ D @ inverse) / 2
    page.claim("by the covariance", derived[S], by_covariance, lhs_latex=r"\frac{\partial C}{\partial \Sigma}", zh="对协方差")
    page.text(
        r"Multiplied by $\Sigma$ from both sides, the second is $(n\Sigma - D^T D)/2$: it vanishes where $\Sigma$ is the covariance of the samples.",
        r"第二式左右各乘 $\Sigma$ 得 $(n\Sigma - D^T D)/2$: 当 $\Sigma$ 等于样本协方差时为零.",
    )
    page.claim(
        "both sides multiplied", S @ by_covariance @ S, (n * S - D.T @ D) / 2, lhs_latex=r"\Sigma\,\frac{\partial C}{\partial \Sigma}\,\Sigma", zh="两边相乘"
    )


def cholesky(page: sd.Page) -> None:
    page.heading("The Cholesky factor", "乔列斯基因子")
    L = sd.tensor("L", p, p)
    page.text(
        r"With $\Sigma = L L^T$ the covariance stays positive whatever $L$ is, so that plain descent can be "
        r"used. By the chain rule the gradient is twice that by "
        r"$\Sigma$, times $L$; of a triangular $L$ only the lower triangle counts.",
        r"取 $\Sigma = L L^T$, 无论 $L$ 如何协方差都保持正定, 因此可以直接用梯度下降. 由链式法则, 梯度是对 $\Sigma$ 的梯度的两倍乘以 $L$; 若 $L$ 是三角阵, "
        "只取下三角部分.",
    )
    S = L @ L.T
    loss = n * sd.logdet(S) / 2 + sd.trace(D @ sd.inv(S) @ D.T) / 2
    found = sd.grad(loss, L)
    inverse = sd.inv(S)
    page.claim("by the factor", found, (n * inverse - inverse @ D.T @ D @ inverse) @ L, lhs_latex=r"\frac{\partial C}{\partial L}", zh="对因子")


def divergence(page: sd.Page) -> None:
    page.heading("The divergence of two normal distributions", "两个正态分布的散度")
    A, B = sd.tensor("A", p, p, facts="posdef"), sd.tensor("B", p, p, facts="posdef")
    a, b = sd.tensor("a", p), sd.tensor("b", p)
    loss = (sd.trace(sd.inv(B) @ A) + (b - a) @ sd.inv(B) @ (b - a) - p + sd.logdet(B) - sd.logdet(A)) / 2
    page.text(
        r"How far $\mathcal{N}(b, B)$ is from $\mathcal{N}(a, A)$, in the sense of Kullback and Leibler. It is zero, "
        r"and so are its derivatives, where the two are equal.",
        r"按 Kullback 与 Leibler 的意义, $\mathcal{N}(b, B)$ 离 $\mathcal{N}(a, A)$ 有多远. 二者相等时它为零, 它的导数也为零.",
    )
    derived = sd.derive(loss, [a, A, b, B])
    page.derivation(derived)
    inverse = sd.inv(B)
    page.claim("by the first mean", derived[a], inverse @ (a - b), lhs_latex=r"\frac{\partial C}{\partial a}", zh="对第一均值")
    page.claim("by the first covariance", derived[A], (inverse - sd.inv(A)) / 2, lhs_latex=r"\frac{\partial C}{\partial A}", zh="对第一协方差")
    page.claim("by the second mean", derived[b], inverse @ (b - a), lhs_latex=r"\frac{\partial C}{\partial b}", zh="对第二均值")
    spread = A + sd.outer(b - a, b - a)
    page.claim(
        "by the second covariance", derived[B], (inverse - inverse @ spread @ inverse) / 2, lhs_latex=r"\frac{\partial C}{\partial B}", zh="对第二协方差"
    )
    same = (inverse - inverse @ B @ inverse) / 2
    page.claim("zero where they are equal", same, 0 * B, lhs_latex=r"\left. \frac{\partial C}{\partial B} \right|_{A = B,\, a = b}", zh="相等处为零")


def page() -> sd.Page:
    """The normal distribution."""
    made = sd.Page("The normal distribution", "正态分布", "gaussian")
    likelihood(made)
    cholesky(made)
    divergence(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
