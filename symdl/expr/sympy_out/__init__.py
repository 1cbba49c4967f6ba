"""symdl's expressions as SymPy's."""
