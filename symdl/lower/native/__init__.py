"""The native backend: a program, or a whole training loop, becomes one C function that the system's compiler translates.

One job a file, in the order of the way through: ``kernels`` (the C functions on vectors of eight numbers), ``functions`` (which of them an
operation is), ``places`` (where values stand in memory), ``loops``, ``products``, ``reductions`` (C for one kind of step each), ``program``
(the steps of a program, fused), ``source`` (the file), ``toolchain`` (compiler, cache, loading), ``blas`` (the BLAS that NumPy ships),
``backend`` (functions for lambdify and value_and_grad), ``training`` (the loop over batches). Nothing that a user typed gets into a source.
"""
