"""C for sums over products of two arguments that are no matrix product: any letters of an einsum, nothing as large as all letters together is made."""

from __future__ import annotations

from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import read, write
from symdl.lower.native.places import Place


def contraction(subscripts: str, a: Place, b: Place, target: Place) -> list[str]:
    """Lines of C for an einsum of two arguments whose letters are all different."""
    args, result = subscripts.split("->")
    left, right = args.split(",")
    sizes = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
    sides = [_strides(left, a), _strides(right, b), _strides(result, target)]
    stay = [x for x in result if sizes[x] != 1]
    gone = [x for x in dict.fromkeys(left + right) if x not in result and sizes[x] != 1]
    lane = _lane(stay, gone, sizes, sides)
    lines = ["{", f"const double *a = {a.pointer()}, *b = {b.pointer()}; double *q = {target.pointer()};"]
    where = ["a", "b", "q"]
    for x in (x for x in stay if x != lane):
        lines.append(_loop(x, sizes[x]))
        where = [_moved(w, x, side) for w, side in zip(where, sides, strict=True)]
    inside = [f"{_loop(x, sizes[x])}" for x in gone if x != lane]
    at = list(where)
    for x in (x for x in gone if x != lane):
        at = [_moved(w, x, side) for w, side in zip(at, sides, strict=True)]
    lines += _vectors(lane, sizes, sides, inside, at, where, lane in stay)
    return [*lines, *["}"] * sum(1 for x in stay if x != lane), "}"]


def _strides(letters: str, place: Place) -> dict[str, int]:
    return dict(zip(letters, place.strides, strict=True))


def _lane(stay: list[str], gone: list[str], sizes: dict[str, int], sides: list[dict[str, int]]) -> str | None:
    """The letter along which vectors go: numbers that lie next to each other, and many of them."""

    def worth(x: str) -> tuple[int, int]:
        near = sum(1 for side in sides if side.get(x, 0) in (0, 1))
        return near, min(sizes[x], 4 * LANES)

    letters = [*stay, *gone]
    return max(letters, key=worth) if letters else None


def _loop(x: str, size: int) -> str:
    return f"for (long i{ord(x)} = 0; i{ord(x)} < {size}; i{ord(x)}++) {{"


def _moved(where: str, x: str, side: dict[str, int]) -> str:
    return f"{where} + i{ord(x)}*{side[x]}" if side.get(x) else where


def _vectors(
    lane: str | None, sizes: dict[str, int], sides: list[dict[str, int]], inside: list[str], at: list[str], where: list[str], stays: bool
) -> list[str]:
    size = sizes[lane] if lane is not None else 1
    step = [side.get(lane, 0) if lane is not None else 0 for side in sides]
    close = ["}"] * len(inside)
    lines: list[str] = [] if stays else ["V s = dup(0.0);"]
    for count, i, head in ((LANES, "i", f"for (long i = 0; i < {size // LANES * LANES}; i += {LANES}) {{"), (size % LANES, str(size // LANES * LANES), "{")):
        if not count or (count == LANES and size < LANES):
            continue
        x, y = (read(at[k], step[k], count, i) for k in (0, 1))
        product = f"{x} * {y}"
        if stays:
            lines += [head, "V s = dup(0.0);", *inside, f"s += {product};", *close, write(where[2], step[2], count, i, "s"), "}"]
        else:
            lines += [head, *inside, f"s += {product if count == LANES else f'keep({product}, {count}, 0.0)'};", *close, "}"]
    return lines if stays else [*lines, f"*({where[2]}) = total(s);"]
