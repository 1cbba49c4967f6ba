"""The steps of a program as C: every step reads and writes memory at places known now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from symdl.lower.native import indexing, matrices
from symdl.lower.native.across import COPY, COPY_FAR, FAR
from symdl.lower.native.blas import blas, routine
from symdl.lower.native.blocks import blocks
from symdl.lower.native.contractions import contraction
from symdl.lower.native.frame import Frame
from symdl.lower.native.functions import number as digits
from symdl.lower.native.functions import operation, table_function, vector
from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import Nest, copied, nest
from symdl.lower.native.places import PAGE, Place, dense, extent, seen
from symdl.lower.native.prepare import is_elementwise
from symdl.lower.native.products import KERNELS, Matrix, Product, choose
from symdl.lower.native.reductions import reduction
from symdl.lower.native.scans import scan
from symdl.lower.native.schedule import Loop, Single, scheduled
from symdl.lower.native.symmetric import by_syrk, cost, fits, is_symmetric, symmetric
from symdl.lower.program import VIEWS, Instruction, Operand, Program, Ref, Table

#: From so many multiplications a product is left to BLAS, if an argument has more numbers than this: own kernels do not cut rows to the cache's size.
BLAS_FROM, BLAS_BEYOND = 25_000_000, 500_000

#: Products of a matrix with itself that own kernels do not do well are left to BLAS from so many multiplications.
SYRK_FROM = 2_000_000

#: From so many vector operations threads share a step: to meet costs as much as a thousand.
SHARED_FROM = 4000.0

#: What an elementwise operation costs on a vector, in multiplications.
_WORK = {"sigmoid": 30.0, "cosigmoid": 4.0, "exp": 25.0, "log": 35.0, "log1p": 40.0, "tanh": 40.0, "divide": 8.0, "call": 30.0, "power": 200.0}


class Part(NamedTuple):
    """Where a step's lines begin, what it is, whether threads share it, whether it does nothing but move a parameter."""

    at: int
    what: str
    shared: bool
    moves: bool = False
    cost: float = 0.0  # of all steps before it, in vector operations
    within: tuple[str, ...] = ()  # what it does again and again


class Builder:
    """Writes the steps of one program.

    Parameters
    ----------
    program : Program
        Prepared.
    frame : Frame
    samples : mapping
        Value -> the axis that is stored innermost; other values are stored row by row.
    threads : int
        How many share the larger steps.
    first : int, optional
        The place of the first scalar in ``c``; without it places are taken behind those that are taken already.

    Attributes
    ----------
    lines : list of str
        C, in the order of computation; ``parts`` holds where each step's lines begin and what the step is.
    cost : float
        Estimated vector operations.
    late_from : int or None
        The line from which parameters are moved.
    """

    def __init__(self, program: Program, frame: Frame, samples: Mapping[int, int], threads: int = 1, first: int | None = None) -> None:
        self.threads = threads
        self.program, self.frame, self.memory = program, frame, frame.memory
        self.code = program.code
        self.first = self.memory.numbers(len(self.code)) if first is None else first
        self.lines: list[str] = []
        self.parts: list[Part] = []
        self.helpers: dict[str, str] = {}
        self.cost = 0.0
        self.late_from: int | None = None
        self.lanes = bool(samples)
        self.orders = {n: _order(len(step.shape), samples.get(n)) for n, step in enumerate(self.code)}
        self._places: dict[int, Place] = {}
        self._copies: dict[tuple[Any, ...], Place] = {}
        self._inputs: dict[str, int] = {}
        self._late = frozenset(n for n in range(len(self.code)) if frame.update(n) is not None)
        self._steps = scheduled(program, self.orders, self._late)
        self._needed = self._stored()
        self._buffers: set[int] = set()  # values that stand in a buffer of their own
        self._readers: dict[int, list[int]] = {}
        for n, step in enumerate(self.code):
            for a in step.args:
                if isinstance(a, Ref):
                    self._readers.setdefault(int(a), []).append(n)

    def run(self) -> None:
        """Write all steps, and the copies of results that stand elsewhere."""
        for step in self._steps:
            if self.late_from is None and isinstance(step, Single) and step.number in self._late:
                self.late_from = len(self.lines)
            if isinstance(step, Loop):
                self._loop(step)
            else:
                self._single(step)
        for out in self.program.outputs:
            if isinstance(out.value, Ref):
                self._deliver(out.value)

    def scalar(self, value: Operand) -> str:
        """A scalar as a C expression."""
        return f"c[{self.first + int(value)}]" if isinstance(value, Ref) else digits(float(value))

    # --- places -----------------------------------------------------------------------------------------------

    def _stored(self) -> set[int]:
        """Values of loops that are read outside the loop, or are results."""
        loop_of = {n: k for k, s in enumerate(self._steps) if isinstance(s, Loop) for n in (*s.members, *s.sums)}
        needed = {int(o.value) for o in self.program.outputs if isinstance(o.value, Ref)}
        for n, step in enumerate(self.code):
            for arg in step.args:
                if isinstance(arg, Ref) and (loop_of.get(n, -1) != loop_of.get(arg, -2) or (self.code[arg].shape != step.shape and step.op not in _SUMS)):
                    needed.add(int(arg))
        return needed

    def place(self, number: int) -> Place:
        """Where a value stands; views and copies of them are made when they are asked for."""
        found = self._places.get(number)
        if found is None:
            found = self._places[number] = self._found(number)
        return found

    def _found(self, number: int) -> Place:
        step = self.code[number]
        if step.op == "input":
            order = self.orders[number]
            laid = self.frame.laid(number, order) if order != tuple(range(len(order))) else None
            place = laid or self.frame.input(number)
            self._inputs[place.base] = number
            return place
        if step.op in ("table", "ones"):
            table = step.attr if step.op == "table" else Table(np.ones(step.shape))
            return Place(self.memory.pointer(table), 0, step.shape, dense(step.shape, range(len(step.shape))))
        if step.op in VIEWS and step.args and isinstance(step.args[0], Ref) and self.code[step.args[0]].shape:
            inner = self.place(step.args[0])
            found = seen(step, inner)
            if found is None:
                straight = self._copied(inner, tuple(range(len(inner.shape))), pad=False)
                found = seen(step, straight)
            assert found is not None
            return found
        return self._target(number)

    def _target(self, number: int) -> Place:
        """Where a value that is computed goes."""
        wanted = self.frame.result(number)
        if wanted is not None:
            return wanted
        shape, strides = self.code[number].shape, self._strides(number)
        self._buffers.add(number)
        return Place(self.memory.buffer(extent(shape, strides)), 0, shape, strides)

    def _strides(self, number: int) -> tuple[int, ...]:
        """How a value that is computed lies in its buffer."""
        shape, order = self.code[number].shape, self.orders[number]
        return dense(shape, order, pad=order != tuple(range(len(order))) or self._may_be_padded(number))

    def _may_be_padded(self, number: int) -> bool:
        """A matrix whose rows are whole pages, and which nobody looks at otherwise than as a matrix."""
        shape = self.code[number].shape
        if len(shape) != 2 or shape[0] == 1 or shape[1] % PAGE:
            return False
        seen_as = {number}
        for k, step in enumerate(self.code):
            if any(isinstance(a, Ref) and a in seen_as for a in step.args):
                if step.op == "view" and sorted(step.attr) == [0, 1]:
                    seen_as.add(k)
                elif not (is_elementwise(step) and step.shape == shape) and step.op not in ("dot", "inner", "sum", "amax"):
                    return False
        return not any(isinstance(o.value, Ref) and o.value in seen_as for o in self.program.outputs)

    def _copied(self, place: Place, order: tuple[int, ...], pad: bool = True) -> Place:
        """A copy whose axes are stored in this order."""
        key = (place.base, place.offset, place.shape, place.strides, order, pad)
        if key not in self._copies:
            laid = self._laid(place, order) if pad else None
            if laid is None:
                strides = dense(place.shape, order, pad=pad)
                laid = Place(self.memory.buffer(extent(place.shape, strides)), 0, place.shape, strides)
                shared = self._part(f"copy to order {order} : {_size(place.shape)}", COPY * math.prod(place.shape))
                self.lines += copied(place, order, laid, shared)
                self.cost += COPY * math.prod(place.shape)
            self._copies[key] = laid
        return self._copies[key]

    def _laid(self, place: Place, order: tuple[int, ...]) -> Place | None:
        """The copy that the frame makes of a whole input."""
        number = self._inputs.get(place.base)
        if number is None or len(place.shape) != 2 or place.offset or sorted(place.shape) != sorted(self.code[number].shape):
            return None
        own = self.code[number].shape
        turned = place.strides[0] < place.strides[1]
        axes = (1, 0) if (turned != (self.orders[number] == (1, 0))) else (0, 1)  # axis of the place -> axis of the input
        if place.shape != tuple(own[a] for a in axes):
            return None
        laid = self.frame.laid(number, tuple(axes[a] for a in order))
        return None if laid is None else replace(laid, shape=place.shape, strides=tuple(laid.strides[a] for a in axes))

    def _deliver(self, number: int) -> None:
        wanted = self.frame.result(number)
        if wanted is None or not self.code[number].shape or wanted == self._places.get(number):
            return
        if self.frame.update(number) is not None:
            return
        order = tuple(range(len(wanted.shape)))
        self._part(f"v{int(number)} to its place")
        self.lines += nest(Nest(wanted.shape, order, {"a": self.place(number)}, [], {"a": wanted}, []))

    def _part(self, what: str, work: float = 0.0, moves: bool = False) -> bool:
        """A new step of so many vector operations; whether threads share it. Those that move parameters are done together, and need no meeting."""
        shared = self.threads > 1 and work >= (SHARED_FROM / 10 if moves else SHARED_FROM)
        self.parts.append(Part(len(self.lines), what, shared, moves, self.cost))
        return shared

    # --- loops ------------------------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        reads: dict[str, Place] = {}
        body: list[str] = []
        inside = set(loop.members)

        def operand(value: Operand) -> str:
            if not isinstance(value, Ref):
                return vector(float(value))
            if value in inside:
                return f"t{int(value)}"
            if not self.code[value].shape:
                return f"dup({self.scalar(value)})"
            name = f"r{int(value)}"
            if name not in reads:
                reads[name] = self.place(value).stretched(loop.shape)
            return name

        for n in loop.members:
            step = self.code[n]
            args = [operand(a) for a in step.args]
            body.append(self._element(n, step, args))
        sums = []
        for n in loop.sums:
            args = [operand(a) for a in self.code[n].args]
            body.append(f"V t{n} = {' * '.join(args)};")
            sums.append((self.scalar(Ref(n)), f"t{n}"))
        self._write_over(loop)
        writes = {f"t{n}": self.place(n) for n in loop.members if n in self._needed}
        vectors = _vectors(loop.shape, loop.order)
        work = (sum(_WORK.get(self.code[n].op, 1.0) for n in loop.members) + len(reads) + len(writes)) * vectors
        fused = ", ".join(f"v{n} {self.code[n].attr if self.code[n].op == 'call' else self.code[n].op}" for n in (*loop.members, *loop.sums))
        shared = self._part(f"loop {_size(loop.shape)}: {fused}", 0.0 if sums else work)
        self.cost += work + len(sums) * vectors
        self.lines += nest(Nest(loop.shape, loop.order, reads, body, writes, sums, shared))

    def _write_over(self, loop: Loop) -> None:
        """Let results of a loop stand where its arguments stood that nobody reads any more: less memory goes through the cache."""
        inside = {*loop.members, *loop.sums}
        free = [n for n in self._read_last_by(inside) if self.code[n].shape == loop.shape and n in self._buffers]
        for n in loop.members:
            if n not in self._needed or n in self._places or self.frame.result(n) is not None or self.code[n].shape != loop.shape:
                continue
            found = next((r for r in free if self._places[r].strides == self._strides(n)), None)
            if found is not None:
                free.remove(found)
                self._places[n] = self._places[found]
                self._buffers.add(n)

    def _read_last_by(self, inside: set[int]) -> list[int]:
        """Values whose every reader is in the loop; views of a value are readers."""
        read = dict.fromkeys(int(a) for n in sorted(inside) for a in self.code[n].args if isinstance(a, Ref) and a not in inside)
        results = {int(o.value) for o in self.program.outputs if isinstance(o.value, Ref)}
        return [r for r in read if r not in results and all(user in inside for user in self._readers.get(r, ()))]

    def _element(self, n: int, step: Instruction, args: list[str]) -> str:
        if step.op == "spread":
            return f"V t{n} = {args[0]};"
        text = table_function(step.attr, args, self.helpers) if step.op == "call" else operation(step.op, args)
        return f"V t{n} = {text};"

    # --- single steps -----------------------------------------------------------------------------------------

    def _single(self, single: Single) -> None:
        n = single.number
        step = self.code[n]
        if not math.prod(step.shape):
            return  # there are no elements
        if step.op == "dot":
            self._dot(n, step)
        elif step.op == "matmul":
            self._stacked(n, step)
        elif step.op == "einsum":
            self._einsum(n, step)
        elif step.op in ("inv", "det", "logdet"):
            self._matrix_function(n, step)
        elif step.op == "scan":
            self._scan(n, step)
        elif step.op == "blocks":
            self._blocks(n, step)
        elif step.op in ("take", "lookup", "add_rows", "scatter"):
            self._part(f"v{n} {step.op} : {_size(step.shape)}")
            self.lines += self._picked(n, step)
            self.cost += 0.5 * math.prod(step.shape)
        elif step.op in ("sum", "amax"):
            target = self.place(n) if step.shape else Place(f"(c + {self.first + n})", 0, (), ())
            source = self.place(_ref(step.args[0]))
            self._part(f"v{n} {step.op} over {step.attr} of {_size(source.shape)}")
            self.lines += reduction(step.op, source, step.attr, target)
            self.cost += math.prod(source.shape) / LANES * 1.5
        else:
            self._part(f"v{n} {step.op}")
            self.lines += self._scalar(n, step)

    def _scalar(self, n: int, step: Instruction) -> list[str]:
        to = self.scalar(Ref(n))
        if step.op in VIEWS:
            place = seen(step, self.place(_ref(step.args[0])))
            assert place is not None
            return [f"{to} = *({place.pointer()});"]
        args = [self.scalar(a) for a in step.args]
        if step.op == "linear":
            weights, offset = step.attr
            return [f"{to} = {' + '.join([f'{digits(w)}*{a}' for w, a in zip(weights, args, strict=True)] + [digits(offset)])};"]
        if step.op == "product":
            coef, above = step.attr
            return [f"{to} = {' * '.join([digits(coef), *args[:above]])}{''.join(f' / {a}' for a in args[above:])};"]
        if step.op == "pow":
            if step.attr == -1.0:
                return [f"{to} = 1.0 / {args[0]};"]
            if step.attr in (2.0, 3.0, 4.0):
                return [f"{to} = {' * '.join(args * int(step.attr))};"]
            return [f"{to} = __builtin_pow({args[0]}, {digits(step.attr)});"]
        vectors = [f"dup({a})" for a in args]
        if step.op == "call":
            return [f"{to} = first({table_function(step.attr, vectors, self.helpers)});"]
        if step.op in ("sigmoid", "cosigmoid"):
            return [f"{to} = first(logistic({vectors[0]}).{'one' if step.op == 'sigmoid' else 'other'});"]
        return [f"{to} = first({operation(step.op, vectors)});"]

    def _picked(self, n: int, step: Instruction) -> list[str]:
        target = self.place(n)
        if step.op == "scatter" and all(a < 0 for a in step.attr):  # a number: these do not live where arrays do
            only = seen(Instruction("select", (), step.attr, ()), target)
            assert only is not None
            return [*indexing.zeros(target), f"*({only.pointer()}) = {self.scalar(step.args[0])};"]
        sources = [self.place(_ref(a)) for a in step.args]
        if step.op == "scatter":
            diagonal = seen(Instruction("select", (), step.attr, sources[0].shape), target)
            assert diagonal is not None
            order = tuple(range(len(diagonal.shape)))
            return [*indexing.zeros(target), *nest(Nest(diagonal.shape, order, {"a": sources[0]}, [], {"a": diagonal}, []))]
        straight = [self.straight(a) for a in step.args]
        if step.op == "take":
            at, missing = step.attr
            gone = None if missing is None else self.memory.pointer(Table(missing.array.astype(np.uint8)))
            count = at.array.size
            return indexing.take(straight[0], self.memory.pointer(Table(at.array.astype(np.int64))), gone, count, math.prod(step.shape) // count, target)
        picked = math.prod(straight[1].shape)
        if step.op == "add_rows":
            return indexing.add_rows(straight[0], straight[1], step.shape[0], picked, math.prod(step.shape[1:]), target)
        rows, count, beside = step.attr
        offsets = self.memory.pointer(Table(np.broadcast_to(beside.array, straight[1].shape).astype(np.int64)))
        return indexing.lookup(straight[0], straight[1], rows, count, offsets, picked, math.prod(step.shape) // picked, target)

    # --- products ---------------------------------------------------------------------------------------------

    def _matrix(self, value: Operand, left: bool) -> Place:
        """A value as a matrix: a vector is a row on the left and a column on the right."""
        place = self.place(_ref(value))
        if len(place.shape) == 2:
            return place
        shape, strides = ((1, place.shape[0]), (0, place.strides[0])) if left else ((place.shape[0], 1), (place.strides[0], 0))
        return replace(place, shape=shape, strides=strides)

    def _dot(self, n: int, step: Instruction) -> None:
        a, b = self._matrix(step.args[0], True), self._matrix(step.args[1], False)
        update = self.frame.update(n)
        target = self.place(n) if update is None else update[0]
        strides = iter(target.strides)
        row, column = (next(strides) if len(self.code[_ref(x)].shape) == 2 else 0 for x in step.args)
        product = Product(
            a.shape[0], b.shape[1], a.shape[1], self._as_matrix(a), self._as_matrix(b), Matrix(target.pointer(), row, column), update and update[1]
        )
        self._multiply(n, product, a, b)

    def _as_matrix(self, place: Place) -> Matrix:
        number = self._inputs.get(place.base)
        usual = COPY if math.prod(place.shape) <= FAR else COPY_FAR
        cost = usual if number is None else self.frame.copy_cost.get(number, usual)
        row, column = place.strides
        return Matrix(place.pointer(), row or 1, column or 1, cost) if 1 in place.shape else Matrix(place.pointer(), row, column, cost)

    def _multiply(self, n: int, p: Product, a: Place, b: Place) -> None:
        size = f"{p.m}x{p.k} by {p.k}x{p.n}"
        if not p.k:  # a sum of nothing
            self._part(f"v{n} product {size}")
            if p.update is None:
                self.lines += indexing.zeros(self.place(n))
            return
        if self.threads == 1 and is_symmetric(p) and self._symmetric(n, p):
            return
        moved = ", the update inside" if p.update else ""
        if self.threads == 1 and p.m * p.n * p.k >= BLAS_FROM and max(p.m, p.n) * p.k > BLAS_BEYOND and self._by_blas(p):
            self._part(f"v{n} product {size} by BLAS{moved}")
            self.lines += self._blas(p)
            self.cost += p.m * p.n * p.k / LANES
            return
        choice = choose(p)
        for which in choice.copies:
            if which == "a":
                order = (0, 1) if choice.kernel == "along" else (1, 0)
                a = self._copied(a, order)
                p = replace(p, a=self._as_matrix(a))
            else:
                order = (1, 0) if choice.kernel == "along" else (0, 1)
                b = self._copied(b, order)
                p = replace(p, b=self._as_matrix(b))
        shared = self._part(f"v{n} product {size}, kernel {choice.kernel}{moved}", choice.cost if choice.kernel != "along" else 0.0, bool(p.update))
        self.lines += KERNELS[choice.kernel](p, shared)
        self.cost += choice.cost

    def _symmetric(self, n: int, p: Product) -> bool:
        """A product of a matrix with itself; False where it is done as any other."""
        syrk, found = routine("dsyrk"), blas()
        large = p.m * p.n * p.k >= (BLAS_FROM if fits(p) else SYRK_FROM) and syrk is not None and 1 in (p.b.row, p.b.column)
        if not large and not fits(p):
            return False
        self._part(f"v{n} product {p.m}x{p.k} by its transpose{', by BLAS' if large else ''}")
        if large:
            assert found is not None
            self.lines += by_syrk(p, self.memory.pointer(("routine", "dsyrk")), found.integer)
        else:
            self.lines += symmetric(p)
        self.cost += p.m * p.n * p.k / LANES / 2 if large else cost(p)
        return True

    def _by_blas(self, p: Product) -> bool:
        sides = (p.a, p.b, p.c)
        return blas() is not None and all(1 in (s.row, s.column) and s.row and s.column for s in sides)

    def _blas(self, p: Product) -> list[str]:
        if p.c.column != 1:
            p = p.turned
        found = blas()
        assert found is not None
        integer = found.integer

        def side(s: Matrix, rows: int, columns: int) -> tuple[int, int]:
            return (111, max(s.row, columns)) if s.column == 1 else (112, max(s.column, rows))

        (ta, lda), (tb, ldb) = side(p.a, p.m, p.k), side(p.b, p.k, p.n)
        kind = (
            f"(void (*)(int, int, int, {', '.join([integer] * 3)}, double, const double *, {integer}, const double *, {integer}, double, double *, {integer}))"
        )
        alpha, beta = (f"-({p.update})", "1.0") if p.update else ("1.0", "0.0")
        call = f"101, {ta}, {tb}, {p.m}, {p.n}, {p.k}, {alpha}, {p.a.pointer}, {lda}, {p.b.pointer}, {ldb}, {beta}, {p.c.pointer}, {p.c.row}"
        return [f"(({kind}{self.memory.pointer('blas')}))({call});"]

    def _stacked(self, n: int, step: Instruction) -> None:
        a, b = (self.place(_ref(x)) for x in step.args)
        target = self.place(n)
        stack = step.shape[:-2]
        sides = [p.stretched((*stack, *p.shape[-2:])) for p in (a, b)] + [target]
        x, y, z = (Matrix(f"({s.pointer()}{_offsets(s, len(stack))})", *s.strides[-2:]) for s in sides)
        p = Product(a.shape[-2], b.shape[-1], a.shape[-1], x, y, z)
        choice = min((c for c in (choose(p),) if not c.copies), key=lambda c: c.cost, default=None)
        kernel = choice.kernel if choice else "across"
        self._part(f"v{n} {math.prod(stack)} products {p.m}x{p.k} by {p.k}x{p.n}")
        self.lines += [f"for (long z{d} = 0; z{d} < {size}; z{d}++) {{" for d, size in enumerate(stack)]
        self.lines += KERNELS[kernel](p, False) + ["}"] * len(stack)
        self.cost += math.prod(stack) * p.m * p.n * p.k / LANES * (1.2 if choice else 4.0)

    def _einsum(self, n: int, step: Instruction) -> None:
        """Two arguments, multiplied and summed over the letters that the result lacks."""
        a, b = (self.place(_ref(x)) for x in step.args)
        letters = dict(zip("".join(step.attr.split("->")[0].split(",")), (*a.shape, *b.shape), strict=True))
        target = self.place(n) if step.shape else Place(f"(c + {self.first + n})", 0, (), ())
        self._part(f"v{n} einsum {step.attr} : {_size(step.shape)}")
        self.lines += contraction(step.attr, a, b, target)
        self.cost += math.prod(letters.values()) / LANES * 2.0

    # --- matrices and recurrences -----------------------------------------------------------------------------

    def straight(self, value: Operand) -> Place:
        """A tensor that stands row by row without gaps; a copy, if need be."""
        place = self.place(_ref(value))
        return place if place.contiguous() else self._copied(place, tuple(range(len(place.shape))), pad=False)

    def _matrix_function(self, n: int, step: Instruction) -> None:
        source = self.place(_ref(step.args[0]))
        size = source.shape[0]
        work = Place(self.memory.buffer(size * size), 0, source.shape, dense(source.shape, (0, 1)))
        target = self.place(n) if step.shape else Place(f"(c + {self.first + n})", 0, (), ())
        swaps = self.memory.buffer(size)
        self.helpers.setdefault("lu", matrices.HELPERS["lu_less"])
        self._part(f"v{n} {step.op} of {_size(source.shape)}")
        self.lines += nest(Nest(source.shape, (0, 1), {"a": source}, [], {"a": work}, []))
        fault = self.memory.faults()
        own = target if target.contiguous() else Place(self.memory.buffer(size * size), 0, source.shape, work.strides)
        found = blas()
        routines = [routine(name) if size >= matrices.LAPACK_FROM else None for name in ("dgetrf", "dgetri")]
        if found is not None and None not in routines:
            self.helpers.setdefault("lapack", matrices.lapack_helper(found.integer))
            pointers = self.memory.pointer(("routine", "dgetrf")), self.memory.pointer(("routine", "dgetri"))
            room = self.memory.buffer(32 * size)
            self.lines += matrices.by_lapack(step.op, work.pointer(), swaps, room, size, own.pointer(), fault, found.integer, pointers)
        else:
            self.lines += matrices.factored(step.op, work.pointer(), swaps, size, own.pointer(), fault)
        if own is not target:
            self.lines += nest(Nest(target.shape, (0, 1), {"a": own}, [], {"a": target}, []))
        self.cost += size**3 / LANES * (2.0 if step.op == "inv" else 0.7) + 10.0 * size

    def _scan(self, n: int, step: Instruction) -> None:
        for arg in step.args:
            if isinstance(arg, Ref) and self.code[arg].shape:
                self.straight(arg)
        length = step.attr.length
        at = len(self.parts)
        self._part("")
        lines, inner = scan(self, step, self.place(n), lambda program, frame, first: Builder(program, frame, {}, 1, first))
        self.parts[at] = self.parts[at]._replace(what=f"v{n} scan of {length} steps: " + "; ".join(p.what for p in inner.parts))
        self.lines += lines
        self.helpers |= inner.helpers
        self.cost += length * inner.cost

    def _blocks(self, n: int, step: Instruction) -> None:
        target = self.place(n)
        at = len(self.parts)
        shared = self._part("", math.inf)
        done = blocks(self, step, target, self.lanes, self.threads if shared else 1, lambda program, frame, axes: Builder(program, frame, axes, 1, 0))
        self.parts[at] = self.parts[at]._replace(at=len(self.lines), what=f"v{n} {done.what}", cost=self.cost, within=done.within)
        self.lines += done.lines
        self.helpers |= done.helpers
        self.cost += done.cost
        if done.together:
            self._part(f"v{n} sums of the threads")
            self.lines += done.together


_SUMS = frozenset(["inner", "dot", "sum"])


def _order(rank: int, innermost: int | None) -> tuple[int, ...]:
    axes = list(range(rank))
    return tuple(axes if innermost is None else [a for a in axes if a != innermost] + [innermost])


def _vectors(shape: tuple[int, ...], order: tuple[int, ...]) -> float:
    """Vectors in a loop, short ones counted whole when rows are short."""
    inner = shape[order[-1]]
    return math.prod(shape) / inner * -(-inner // LANES) if inner < 4 * LANES else math.prod(shape) / LANES


def _offsets(place: Place, stack: int) -> str:
    return "".join(f" + z{d}*{s}" for d, s in enumerate(place.strides[:stack]) if s)


def _ref(value: Operand) -> Ref:
    assert isinstance(value, Ref)
    return value


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


__all__ = ["Builder", "is_elementwise"]
