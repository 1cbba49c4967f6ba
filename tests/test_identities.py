"""The derivative identities of tests/data/identities.json: symdl's answers equal the books', as numbers at random shapes and by proof."""

from __future__ import annotations

import numpy as np
import pytest
import symdl as sd

from identities import Numbers, Symbols, answer, cases, draw, expected, read, tensors, value_of

CASES = cases()


@pytest.mark.parametrize("flat", [True, False], ids=["vectors", "columns"])
@pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])
def test_identity_holds_as_numbers(case, flat):
    algebra = Symbols(flat)
    names = tensors(case, algebra)
    ours = answer(case, names, algebra)
    for seed, sizes in enumerate(case.dims):
        values = draw(case, sizes, seed)
        book = np.asarray(read(case.expected, Numbers(), {**values, **sizes}))
        got = value_of(ours, values, sizes)
        np.testing.assert_allclose(got.reshape(book.shape), book, rtol=1e-9, atol=1e-9 * max(1, np.abs(book).max()))
