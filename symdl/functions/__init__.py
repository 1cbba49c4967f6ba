"""Elementwise functions: each is one entry of one table (definition, derivative, stable evaluation, LaTeX, kinks).

To add a function, add an entry to the file of its kind (``activations.py``, ``rectifiers.py`` for those with cases, ``elementary.py``,
``extremes.py``, ``residuals.py`` for losses, ``select.py``), with its evaluation in
``stable_activations.py``; or register one at run time with ``symdl.extend.function``.
All other rooms read the table: nothing else is to be written.
"""

from symdl.functions import activations, elementary, extremes, rectifiers, residuals, select
from symdl.functions.entry import Elementwise, Kink, sympy_class

_KINDS = (elementary, activations, rectifiers, extremes, residuals, select)

#: name -> entry, every elementwise function symdl knows.
TABLE: dict[str, Elementwise] = {e.name: e for kind in _KINDS for e in kind.ENTRIES}

#: SymPy class -> name, for reading SymPy expressions.
BY_CLASS = {entry.sympy: name for name, entry in TABLE.items()}

__all__ = ["BY_CLASS", "TABLE", "Elementwise", "Kink", "sympy_class"]
