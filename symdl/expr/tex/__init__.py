"""Reading LaTeX as people write it: tokens -> tree -> expressions. Nothing is ever evaluated, and no text reaches Python."""
