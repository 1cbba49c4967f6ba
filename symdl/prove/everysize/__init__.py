"""Equality of index expressions for every size: a normal form of sums of products with named relations.

An expression becomes a sum of terms, each a rational number times a product of *atoms* (tensor entries, exponentials, roots, sums over
dummy indices ...) raised to rational powers. ``ring`` holds the algebra, ``net`` the canonical form of a sum over dummies, ``tower`` the
functions, ``relations`` what is known of the atoms, ``slope`` derivatives, ``read`` the way in from the graph, ``same`` the question.

Every rewriting is an identity that holds for all sizes wherever both sides are defined; so a difference that becomes 0 is 0. That one
which does not become 0 is different is never concluded.
"""
