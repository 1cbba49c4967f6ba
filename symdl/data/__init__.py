"""Small data sets that textbooks print, carried along as JSON."""

from __future__ import annotations

import json
from importlib import resources
from typing import NamedTuple

import numpy as np


class Wakui(NamedTuple):
    """Images, targets and initial weights of Wakui's 12-3-2 network.

    Attributes
    ----------
    x : ndarray, (64, 12)
        Binary images of 4 x 3 pixels, rows top to bottom.
    t : ndarray, (64, 2)
        (1, 0) for a zero, (0, 1) for a one.
    params : dict
        W2 (3, 12), b2 (3,), W3 (2, 3), b3 (2,): the initial weights; rows are units.
    eta : float
        Learning rate.
    epochs : int
        Steps of full-batch gradient descent.
    cost_initial : float
        C = 1/2 Sum (t - a)^2 over all images, at the initial weights.
    """

    x: np.ndarray
    t: np.ndarray
    params: dict[str, np.ndarray]
    eta: float
    epochs: int
    cost_initial: float


def wakui() -> Wakui:
    """The 12-3-2 network that tells a zero from a one (Y. and S. Wakui, sections 3-5 and 4-4)."""
    text = resources.files(__name__).joinpath("wakui_12_3_2.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    params = {name: np.array(raw[name], dtype=float) for name in ("W2", "b2", "W3", "b3")}
    images, targets = np.array(raw["images"], dtype=float), np.array(raw["targets"], dtype=float)
    return Wakui(images, targets, params, raw["eta"], raw["epochs"], raw["cost_initial"])
