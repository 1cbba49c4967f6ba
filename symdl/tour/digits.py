"""Handwritten digits: 1797 images of 8 x 8 pixels from scikit-learn, a network 64-30-10 of sigmoids, least squares, minibatches.

The network is that of Nielsen, Neural Networks and Deep Learning, chapter 1, on smaller images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl import pipeline
from symdl.errors import missing_extra
from symdl.expr.dims import dims
from symdl.expr.ops import least_squares
from symdl.expr.tensor import tensor
from symdl.lower.api import evaluate
from symdl.model.layers import Network, network
from symdl.steps.page import Page
from symdl.tour.drawing import curve, digits
from symdl.train.init import initial

SIZES = {"p": 64, "h": 30, "m": 10}
BATCH, RATE, EPOCHS, SEED = 32, 4.0, 60, 0
WANTED = 0.95


@dataclass(frozen=True)
class Digits:
    """Pixels in 0..1, one-hot targets and labels; a fifth is held out."""

    x: np.ndarray
    t: np.ndarray
    labels: np.ndarray
    held_x: np.ndarray
    held_labels: np.ndarray


def load(seed: int = SEED) -> Digits:
    """The digits of scikit-learn, shuffled."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise missing_extra("scikit-learn", "examples", "the digits network") from None
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    x, labels = found.data[order] / 16.0, found.target[order]
    held = len(labels) // 5
    return Digits(x[held:], np.eye(10)[labels[held:]], labels[held:], x[:held], labels[:held])


def model() -> tuple[Network, Any]:
    """The network and its loss: least squares, the mean over samples. Its sizes are symbols; the data bring the numbers."""
    net = network([dims(name) for name in SIZES])
    samples, classes = net.output.shape
    return net, least_squares(net.output, tensor("T", samples, classes)) / samples


def page(epochs: int = EPOCHS, progress: bool | None = None) -> Page:
    """Train the network and report on it."""
    data = load()
    net, loss = model()
    start = initial(net.shapes, SEED, dims=SIZES)
    result = pipeline.train(loss, start, {"X": data.x, "T": data.t}, lr=RATE, epochs=epochs, batch=BATCH, seed=SEED, progress=progress)
    outputs = np.asarray(evaluate(net.output, X=data.held_x, **result.params))
    answers = outputs.argmax(axis=1)
    right = float(np.mean(answers == data.held_labels))
    return _report(net, loss, data, outputs, result, right)


def _report(net: Network, loss: Any, data: Digits, outputs: np.ndarray, result: Any, right: float) -> Page:
    made = Page("Reading handwritten digits", "识别手写数字", "digits")
    made.text(
        f"{len(data.labels)} images of 8 x 8 pixels train a network of 64 inputs, 30 hidden sigmoids and 10 outputs, by the gradient derived here; "
        f"{len(data.held_labels)} others, which it has not seen, test it. Minibatches of {BATCH}, learning rate {RATE:g}.",
        f"用 {len(data.labels)} 张 8 x 8 像素的图像, 按这里推导的梯度训练一个有 64 个输入, 30 个 sigmoid 隐藏单元和 10 个输出的网络; "
        f"用它没有见过的另外 {len(data.held_labels)} 张图像检验. 小批量大小 {BATCH}, 学习率 {RATE:g}.",
    )
    made.derivation(pipeline.derive(loss, list(net.params.values())))
    made.figure(curve({"loss": result.history}, "epoch", "loss"), "The loss, epoch by epoch.", "各轮的损失.")
    answers, certainty = outputs.argmax(axis=1), outputs.max(axis=1)
    shown = _choose(answers, data.held_labels)
    made.figure(
        digits(data.held_x[shown].reshape(-1, 8, 8), data.held_labels[shown], answers[shown], certainty[shown]),
        "Held-out digits with the network's answers, some wrong ones (red) among them.",
        "未参与训练的数字和网络的回答, 其中有一些答错的 (红色).",
    )
    made.text(
        f"It reads {right:.1%} of the held-out digits after {len(result.history)} epochs, trained in {result.seconds:.1f} s.",
        f"经过 {len(result.history)} 轮训练 ({result.seconds:.1f} 秒), 它识别出 {right:.1%} 的未见数字.",
    )
    return made.fact(f"at least {WANTED:.0%} of the held-out digits are read", right >= WANTED, True)


def _choose(answers: np.ndarray, labels: np.ndarray, count: int = 20) -> np.ndarray:
    """Some to show: a few wrong ones, and the first right ones."""
    wrong = np.flatnonzero(answers != labels)[:4]
    right = np.flatnonzero(answers == labels)[: count - len(wrong)]
    return np.concatenate([right, wrong])
