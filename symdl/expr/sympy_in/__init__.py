"""SymPy's expressions as symdl's."""
