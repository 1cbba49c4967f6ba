"""Functions of index expressions: exponentials, logarithms, powers, indicators, each as an atom with what is known of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.prove.everysize.atom import ONE, Atom, Factor, Mono, Num, Poly, add_to, is_number, merged, number, of_factors, scaled, total_of, whole
from symdl.prove.everysize.relations import Relations, heaviest
from symdl.prove.stop import TooLarge, Undefined, Unreadable

MAX_EXPONENT = 8
MAX_WRITTEN = 60
#: So many indicators are compared with a new one.
MAX_COMPARED = 30
#: An exponent of more terms than this is not split into factors.
MAX_SPLIT = 24


#: Facts that leave no entry of an input at zero.
_FREE = frozenset(["positive", "symmetric", "posdef", "unit"])


class Tower(Relations):
    """A ring with exp, log, roots and indicators."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._related: set[int] = set()
        #: Inputs that hold whole numbers: two of them may well be equal.
        self.whole: frozenset[str] = frozenset()
        self._inputs: dict[int, frozenset[str]] = {}
        self.makers |= {"exp": self._exp_again, "root": self._root_again, "log": self._log_again, "step": self._step_again}

    # --- constants --------------------------------------------------------------------------------------------------

    def name(self, key: Any, positive: bool = True) -> Poly:
        """A number of which only the name is known: a dim, pi, e, a prime under a root."""
        return self.factor(self.intern("const", 0, key, positive=positive), ())

    def size(self, size: Any) -> Poly:
        return self.constant(size)

    def constant(self, value: Any) -> Poly:
        """A coefficient of the graph."""
        if not isinstance(value, sp.Basic):
            return number(whole(Fraction(value)))
        if value.is_Rational:
            return number(whole(Fraction(int(value.p), int(value.q))))
        if value.is_Symbol or value is sp.pi:
            return self.name(value, bool(value.is_positive))
        if value is sp.E:
            return self.name("e")
        if value.is_Add:
            return total_of((1, self.constant(a)) for a in value.args)
        if value.is_Mul:
            out = dict(ONE)
            for a in value.args:
                out = self.mul(out, self.constant(a))
            return out
        if value.is_Pow and value.exp.is_Rational:
            return self.power(self.constant(value.base), whole(Fraction(int(value.exp.p), int(value.exp.q))))
        if isinstance(value, (sp.exp, sp.log)):
            inner = self.constant(value.args[0])
            return self.exp(inner) if isinstance(value, sp.exp) else self.log(inner)
        if value.is_number or value.free_symbols:
            return self.name(value, bool(value.is_positive))
        raise Unreadable(f"the number {value}")

    def rational_power(self, c: Num, q: Num) -> Poly:
        """c**q for a positive rational c: primes under fractional exponents are names."""
        if type(q) is int:
            return number(whole(Fraction(c) ** q))
        c = Fraction(c)
        out = Fraction(1)
        rest: dict[Factor, Num] = {}
        for part, sign in ((c.numerator, 1), (c.denominator, -1)):
            if part.bit_length() > 80:
                raise TooLarge("the root of a large number")
            for prime, times in sp.factorint(part).items():
                e = sign * times * q
                out *= Fraction(int(prime)) ** math.floor(e)
                atom = self.intern("const", 0, int(prime), positive=True)
                if e != math.floor(e):
                    rest[atom.number, ()] = whole(e - math.floor(e))
                    self.state((((atom.number, ()), 1),), number(int(prime)))
        return {of_factors(rest): whole(out)}

    # --- content ------------------------------------------------------------------------------------------------------

    def positive(self, poly: Poly) -> bool:
        """Whether it is seen to be above zero everywhere."""
        return bool(poly) and all(c > 0 and all(self.factor_positive(f) for f, _ in mono) for mono, c in poly.items())

    def factor_positive(self, factor: Factor) -> bool:
        atom = self.atoms[factor[0]]
        if atom.kind == "sum":
            rows, _ = atom.data
            return all(self.atoms[n].positive for n, _, _ in rows)
        return atom.positive

    def nonnegative(self, factor: Factor, e: Num) -> bool:
        """Whether factor**e is seen to be nowhere below zero."""
        atom = self.atoms[factor[0]]
        if atom.positive or atom.idempotent or (type(e) is int and e % 2 == 0):
            return True
        if atom.kind == "sum":
            return all(self.nonnegative((n, ()), k) for n, k, _ in atom.data[0])
        return atom.kind == "root" and all(c > 0 and all(self.nonnegative(f, k) for f, k in mono) for mono, c in atom.data)

    def squares(self, poly: Poly) -> tuple[Num, list[tuple[Poly, Num]], Poly]:
        """A positive number, powers that are nowhere below zero, and what is left: a root or logarithm of the product is one of each."""
        scale, shared, left = self.content(poly, False)
        parts: list[tuple[Poly, Num]] = []
        rest: dict[Factor, Num] = {}
        for f, e in shared.items():
            if self.nonnegative(f, 1):
                parts.append(({((f, 1),): 1}, e))
            elif type(e) is int and e % 2 == 0:
                parts.append((self._root({((f, 2),): 1}, 1), whole(Fraction(e, 2))))
            else:
                rest[f] = e
        return scale, parts, self.mul(left, {of_factors(rest): 1})

    def content(self, poly: Poly, only_positive: bool) -> tuple[Num, dict[Factor, Num], Poly]:
        """A positive number, the factors common to all terms (the positive ones only, where asked), and what is left."""
        exponents = [dict(mono) for mono in poly]
        shared = {f: min(here.get(f, 0) for here in exponents) for f in {f for here in exponents for f in here}}
        shared = {f: e for f, e in shared.items() if e and self.atoms[f[0]].kind != "delta" and (self.factor_positive(f) or not only_positive)}
        fractions = [Fraction(c) for c in poly.values()]
        scale = Fraction(math.gcd(*[abs(c.numerator) for c in fractions]), math.lcm(*[c.denominator for c in fractions]))
        left: Poly = {}
        for mono, c in poly.items():
            factors = dict(mono)
            for f, e in shared.items():
                factors[f] = whole(factors.get(f, 0) - e)
            left[of_factors(factors)] = whole(Fraction(c) / scale)
        return whole(scale), shared, left

    # --- powers --------------------------------------------------------------------------------------------------------

    def power_of(self, poly: Poly, exponent: Num) -> Poly:
        return self.power(poly, exponent)

    def power(self, poly: Poly, q: Num) -> Poly:
        """poly**q for a rational q."""
        q = whole(q)
        if q == 1:
            return poly
        if q == 0:
            return dict(ONE)
        if not poly:
            if q > 0:
                return {}
            raise Undefined("division by zero")
        integral = type(q) is int
        if len(poly) > 1 and integral and 0 < q <= MAX_EXPONENT and math.comb(len(poly) + int(q) - 1, int(q)) <= 400:
            out = poly
            for _ in range(int(q) - 1):
                out = self.times(out, poly)
            return out
        if not integral:
            return self._fractional(poly, q)
        if len(poly) == 1 and q > 0:
            ((mono, c),) = poly.items()
            return self.reduced({of_factors({f: self._exponent(self.atoms[f[0]], e * q) for f, e in mono}): whole(Fraction(c) ** int(q))})
        split = self.cases(poly, lambda p: self.power(p, q)) if q < 0 and len(poly) > 1 else None
        if split is not None:
            return split
        scale, shared, left = self.content(poly, False)
        sums = {f: e for f, e in shared.items() if self.atoms[f[0]].kind == "sum" and q < 0}
        plain = of_factors({f: self._exponent(self.atoms[f[0]], e * q) for f, e in shared.items() if f not in sums})
        made: Poly = {plain: whole(Fraction(scale) ** int(q))}
        for f, e in sums.items():
            made = self.mul(made, self._root({((f, 1),): 1}, e * q))
        rest = is_number(left)
        if rest is not None:
            return self.reduced(scaled(made, whole(Fraction(rest) ** int(q))))
        full = self.expanded(left)
        if full != left:
            return self.reduced(self.mul(made, self.power(full, q)))
        sign = 1
        if not self.positive(left) and (self.positive(scaled(left, -1)) or self._backwards(left)):
            left, sign = scaled(left, -1), -1 if int(q) % 2 else 1
        return self.reduced(scaled(self.mul(made, self._root(left, q)), sign))

    def _fractional(self, poly: Poly, q: Num) -> Poly:
        """poly**q for a q that is not whole: only what is nowhere below zero is split off."""
        split = self.cases(poly, lambda p: self.power(p, q))
        if split is not None:
            return split
        scale, parts, left = self.squares(poly)
        out = self.rational_power(scale, q)
        for part, e in parts:
            ((factor, _),) = next(iter(part))
            kind = self.atoms[factor[0]].kind
            out = self.mul(out, self._root(part, e * q) if kind in ("sum", "input") else self.factor(self.atoms[factor[0]], factor[1], whole(e * q)))
        rest = is_number(left)
        if rest is not None:
            if rest < 0:
                raise Undefined("a root of a negative number")
            return self.reduced(out)
        single = next(iter(left))
        if len(left) == 1 and len(single) == 1 and left[single] == 1 and type(single[0][1]) is int:  # f**k, k odd: below zero just where f is
            (f, e) = single[0]
            atom = self.atoms[f[0]]
            power = self.factor(atom, f[1], whole(e * q)) if atom.kind == "root" else self._root({((f, 1),): 1}, whole(e * q))
            return self.reduced(self.mul(out, power))
        full = self.expanded(left)
        if full != left:
            return self.reduced(self.mul(out, self._fractional(full, q)))
        return self.reduced(self.mul(out, self._root(left, q)))

    def expanded(self, poly: Poly) -> Poly:
        """Roots under whole powers written out, also inside sums, so that a sum has one name, whatever other roots its terms were solved for."""
        if all(self.atoms[n].kind != "root" for mono in poly for f, _ in mono for n in self.atoms[f[0]].inside):
            return poly
        out: Poly = {}
        for mono, c in poly.items():
            add_to(out, self._written(mono), c)
            if len(out) > MAX_WRITTEN:
                return poly
        return out

    def _written(self, mono: Mono) -> Poly:
        rows, dummies = self.opened(mono) if all(type(e) is int and e > 0 for f, e in mono if self.atoms[f[0]].kind == "sum") else ([], {})
        roots = [row for row in rows if self.atoms[row[0]].kind == "root" and type(row[1]) is int and 0 < row[1] <= MAX_EXPONENT]
        if not roots:
            return {mono: 1}
        out: Poly = {of_factors(merged(((n, idx), e) for n, e, idx in rows if (n, e, idx) not in roots)): 1}
        for number, e, idx in roots:
            base = self.place(dict(self.atoms[number].data), dict(enumerate(idx)))
            for _ in range(int(e)):
                out = self.mul(out, base)
        for dummy, size in dummies.items():
            out = self.sum_over(out, dummy, size)
        return out

    def _backwards(self, poly: Poly) -> bool:
        """Whether the polynomial's opposite is the one of the two to name."""
        return _key(self, scaled(poly, -1)) < _key(self, poly)

    def _root(self, base: Poly, q: Num) -> Poly:
        """base**q, the base as it is named."""
        if any(self.atoms[n].kind == "delta" for mono in base for (n, _), _ in mono):
            raise Unreadable("a power of a Kronecker delta")
        atom, labels = self.over("root", base, positive=self.positive(base))
        if atom.number not in self._related:  # once: solved anew, two relations could each undo the other
            self._related.add(atom.number)
            self._relate(atom)
        return self.factor(atom, labels, q)

    def _root_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.reduced(self.place(dict(atom.data), dict(enumerate(labels))))

    def _relate(self, atom: Atom) -> None:
        """R = base, solved for one of its terms."""
        slots = tuple(range(atom.rank))
        base = self.reduced(dict(atom.data))
        if set(base) == {(((atom.number, slots), 1),)}:
            return
        mine = (atom.number, slots)
        variables = {m: self._variable(m) for m in base}
        naming = {m: v for m, v in variables.items() if v and {label for f, _ in v for label in f[1]} == set(slots)}
        if not naming:
            return  # no term has all labels: the relation is left alone
        lead = heaviest(self, {m: base[m] for m in naming})
        pattern = naming[lead]
        outer = {f: e for f, e in lead if (f, e) not in pattern}
        rest = {m: c for m, c in base.items() if m != lead}
        under = {of_factors({f: -e for f, e in outer.items()}): whole(1 / Fraction(base[lead]))}
        gap = dict(self.factor(atom, slots))
        add_to(gap, rest, -1)
        self.state(pattern, self.mul(under, gap))
        constant = is_number(rest)
        if constant and not outer and all(self.atoms[n].kind != "sum" and type(e) is int for (n, _), e in pattern):
            # c + k*m = R: 1/(f R) = (1/f - k*(m/f)/R)/c for a factor f of m, and R/f = c/f + k*m/f, so that there is one form only.
            k, c = base[lead], constant
            for f, e in pattern:
                if e > 0:
                    less = dict(pattern) | {f: e - 1}
                    parts: Poly = {((f, -1),): whole(1 / Fraction(c)), of_factors(less | {mine: -1}): whole(-Fraction(k) / c)}
                    self.state(((f, -1), (mine, -1)), parts)
                    self.state(((f, -1), (mine, 1)), total_of([(1, {((f, -1),): c}), (1, {of_factors(less): k})]))

    def _variable(self, mono: Mono) -> Mono:
        """A term without the numbers in it that can be divided by."""
        return tuple((f, e) for f, e in mono if not (self.atoms[f[0]].kind == "const" and self.atoms[f[0]].positive))

    # --- exp and log ---------------------------------------------------------------------------------------------------

    def cases(self, poly: Poly, function: Callable[[Poly], Poly]) -> Poly | None:
        """f(P) = H*f(P where H = 1) + (1 - H)*f(P where H = 0) for an indicator H (a Kronecker delta, too) in P; None without one."""
        found = next((f for mono in poly for f, _ in mono if self.atoms[f[0]].idempotent), None)
        if found is None:
            return None
        here: Poly = {}
        for mono, c in poly.items():
            add_to(here, {tuple(f for f in mono if f[0] != found): c})
        there = {mono: c for mono, c in poly.items() if all(f != found for f, _ in mono)}
        one, other = function(self.reduced(here)), function(there)
        indicator: Poly = {((found, 1),): 1}
        return total_of([(1, other), (1, self.times(indicator, total_of([(1, one), (-1, other)])))])

    def exp(self, poly: Poly) -> Poly:
        split = self.cases(poly, self.exp)
        if split is not None:
            return split
        poly = self.expanded(poly)
        if len(poly) > MAX_SPLIT:
            raise TooLarge(f"an exponent of {len(poly)} terms")
        out = dict(ONE)
        for mono, c in poly.items():
            out = self.mul(out, self._exp_of(mono, c))
        return self.reduced(out)

    def _exp_of(self, mono: Mono, c: Num) -> Poly:
        if not mono:
            return self.factor(self.intern("const", 0, "e", positive=True), (), c)
        if len(mono) == 1 and mono[0][1] == 1:
            atom = self.atoms[mono[0][0][0]]
            if atom.kind == "log":
                return self.power(self.place(dict(atom.data), dict(enumerate(mono[0][0][1]))), c)
        atom, labels = self.over("exp", {mono: 1}, positive=True)
        return self.factor(atom, labels, whole(c))

    def _exp_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.exp(self.place(dict(atom.data), dict(enumerate(labels))))

    def log(self, poly: Poly) -> Poly:
        if not poly:
            raise Undefined("the logarithm of zero")
        split = self.cases(poly, self.log)
        if split is not None:
            return split
        scale, parts, left = self.squares(poly)
        out: Poly = {}
        for part, sign in ((Fraction(scale).numerator, 1), (Fraction(scale).denominator, -1)):
            if part.bit_length() > 80:
                raise TooLarge("the logarithm of a large number")
            for prime, times in sp.factorint(part).items() if part > 1 else ():
                atom, _ = self.over("log", {(): int(prime)})
                add_to(out, self.factor(atom, ()), sign * int(times))
        for piece, e in parts:
            add_to(out, self._log_of(next(iter(piece))[0][0]), e)
        rest = is_number(left)
        if rest is not None:
            if rest <= 0:
                raise Undefined("the logarithm of a negative number")
            return out
        if len(left) > 1:
            left = self._root(left, 1)
        atom, labels = self.over("log", left)
        add_to(out, self.factor(atom, labels))
        return out

    def _log_of(self, f: Factor) -> Poly:
        """Of a single positive factor."""
        atom = self.atoms[f[0]]
        if atom.kind == "exp":
            return self.place(dict(atom.data), dict(enumerate(f[1])))
        if atom.kind == "const" and atom.data == "e":
            return dict(ONE)
        base: Poly = {((f, 1),): 1}
        made, labels = self.over("log", self._root(base, 1) if atom.kind == "sum" else base)
        return self.factor(made, labels)

    def _log_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.log(self.reduced(self.place(dict(atom.data), dict(enumerate(labels)))))

    # --- jumps -----------------------------------------------------------------------------------------------------------

    def step(self, poly: Poly) -> Poly:
        """1 where it is above zero, else 0."""
        value = is_number(poly)
        if value is not None:
            return number(int(value > 0))
        split = self.cases(poly, self.step)
        if split is not None:
            return split
        if self.positive(poly):
            return dict(ONE)
        if self.positive(scaled(poly, -1)):
            return {}
        _, _, left = self.content(self.expanded(poly), True)
        if self.generic(left) and self._backwards(left):
            return total_of([(1, dict(ONE)), (-1, self._indicator("step", scaled(left, -1)))])
        return self._indicator("step", left)

    def _indicator(self, kind: str, poly: Poly) -> Poly:
        atom, labels = self.over(kind, poly, idempotent=True)
        if kind == "step" and atom.number not in self._related:
            self._related.add(atom.number)
            self._compare(atom)
        return self.factor(atom, labels)

    def _compare(self, new: Atom) -> None:
        """What the signs of two expressions say of each other: P > 0 and Q > 0 exclude each other where P + Q < 0, for one."""
        for old in [a for a in self.atoms if a.kind == "step" and a is not new and a.rank == new.rank <= 2][:MAX_COMPARED]:
            for order in itertools.permutations(range(new.rank)):
                p, q = dict(new.data), self.place(dict(old.data), dict(enumerate(order)))
                mine, other = (new.number, new.settled(tuple(range(new.rank)))), (old.number, old.settled(order))
                both: Poly | None = None
                if self.positive(total_of([(-1, p), (-1, q)])):
                    both = {}
                elif self.positive(total_of([(1, q), (-1, p)])):
                    both = {((mine, 1),): 1}
                elif self.positive(total_of([(1, p), (-1, q)])):
                    both = {((other, 1),): 1}
                elif self.positive(total_of([(1, p), (1, q)])):
                    both = total_of([(1, {((mine, 1),): 1}), (1, {((other, 1),): 1}), (-1, dict(ONE))])
                if both is not None:
                    self.state(((mine, 1), (other, 1)), both)
                    break

    def _step_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.step(self.reduced(self.place(dict(atom.data), dict(enumerate(labels)))))

    def generic(self, poly: Poly) -> bool:
        """Whether it is seen to be zero on a set of measure zero only, at all sizes and for all labels, equal ones included.

        So it is when some input stands in one term only, once and nowhere inside an atom, together with inputs, exponentials and numbers: then it is
        linear in that input, with a coefficient that does not vanish.
        """
        where: dict[str, int] = {}
        for mono in poly:
            for (n, _), _ in mono:
                for name in self.inputs_of(self.atoms[n]):
                    where[name] = where.get(name, 0) + 1
        if "" in where or not self.whole.isdisjoint(where):
            return False
        return any(self._linear(mono, where) for mono in poly)

    def _linear(self, mono: Mono, where: dict[str, int]) -> bool:
        rows, _ = self.opened(mono)
        atoms = [self.atoms[n] for n, _, _ in rows]
        if not all((a.kind == "input" and a.data[2] <= _FREE) or (a.kind == "const" and a.positive) for a in atoms):
            return False
        names = [a.data[0] for a in atoms if a.kind == "input"]
        once = [a for a, (_, e, _) in zip(atoms, rows, strict=True) if a.kind == "input" and e == 1]
        return any(where[a.data[0]] == 1 == names.count(a.data[0]) for a in once)

    def inputs_of(self, atom: Atom) -> frozenset[str]:
        """The inputs that an atom mentions, by name; "" for positions."""
        found = self._inputs.get(atom.number)
        if found is None:
            if atom.kind in ("input", "position"):
                found = frozenset((str(atom.data[0]) if atom.kind == "input" else "",))
            else:
                found = frozenset().union(*(self.inputs_of(self.atoms[n]) for n in _under(atom)))
            self._inputs[atom.number] = found
        return found


def _under(atom: Atom) -> set[int]:
    """The atoms that an atom is made of."""
    if atom.kind in ("const", "delta", "position"):
        return set()
    if atom.kind == "sum":
        return {n for n, _, _ in atom.data[0]}
    terms = atom.data[0] if atom.kind in ("inv", "det", "max") else atom.data
    return {n for mono, _ in terms for (n, _), _ in mono}


def _key(ring: Relations, poly: Poly) -> Any:
    from symdl.prove.everysize.net import canonical_slots

    return canonical_slots(poly, (), {label for m in poly for f, _ in m for label in f[1]}, ring.place, ring.atoms).terms
