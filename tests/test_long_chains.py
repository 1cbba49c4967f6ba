"""What is read of long chains of scalars grows with their length and no faster; what would be repeated goes by a name that was told before."""

from __future__ import annotations

import re

import pytest

import symdl as sd

LINKS = {
    "sigmoid": lambda y, x: sd.sigmoid(y),
    "square in exp": lambda y, x: sd.exp(-y * y),
    "product": lambda y, x: y * sd.tanh(y + x),
    "sum": lambda y, x: sd.tanh(y) + y,
}


def chain(link, n):
    y = x = sd.tensor("x")
    for _ in range(n):
        y = LINKS[link](y, x)
    return y, x


@pytest.mark.parametrize("link", LINKS)
def test_text_and_latex_of_a_derivation_grow_with_its_length(link):
    short, long = (sd.derive(*chain(link, n)) for n in (40, 160))
    # Numbers such as 2**160 grow too.
    assert len(str(long)) < 7 * len(str(short))
    assert len(long.latex()) < 7 * len(short.latex())
    if link != "product":  # there x is used at every step, and its derivative is the sum of all these
        assert max(map(len, str(long).splitlines())) < 1500


def test_pieces_of_long_products_are_told_before_they_are_used():
    lines = str(sd.derive(*chain("square in exp", 120))).splitlines()
    told: set[str] = set()
    for line in lines:
        left = re.match(r"\s*(p\d+) = ", line)
        used = set(re.findall(r"\bp\d+\b", line.partition("=")[2]))
        assert used <= told
        if left:
            assert left[1] not in told
            told.add(left[1])
    assert len(told) >= 5


def test_names_of_pieces_are_unlike_the_users():
    y = p1 = sd.tensor("p1")
    for _ in range(40):
        y = sd.exp(-y * y)
    text = str(sd.derive(y, p1))
    assert re.search(r"^\s*p2 = ", text, re.M) and not re.search(r"^\s*p1 = ", text, re.M)


def test_short_products_are_written_out():
    assert not re.search(r"\bp1\b", str(sd.derive(*chain("square in exp", 5))))


def test_ten_thousand_links_are_printed():
    y, x = chain("sigmoid", 10_000)
    assert len(str(y)) < 200_000
    assert len(str(sd.derive(y, x)["x"])) < 1_000_000
