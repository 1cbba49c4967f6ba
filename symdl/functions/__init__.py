"""Elementwise functions: each is one entry of one table (definition, derivative, stable evaluation, LaTeX, kinks).

To add a function, add an entry to the file of its kind (``activations.py``, ``elementary.py``, ``select.py``) or register
one at run time with ``symdl.extend.function``.
"""

from symdl.functions import activations, elementary, select
from symdl.functions.entry import Elementwise, Kink, sympy_class

#: name -> entry, every elementwise function symdl knows.
TABLE: dict[str, Elementwise] = {e.name: e for e in (*elementary.ENTRIES, *activations.ENTRIES, *select.ENTRIES)}

#: SymPy class -> name, for reading SymPy expressions.
BY_CLASS = {entry.sympy: name for name, entry in TABLE.items()}

__all__ = ["BY_CLASS", "TABLE", "Elementwise", "Kink", "sympy_class"]
