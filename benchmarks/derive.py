"""What deriving costs: scalar graphs of 10^2 to 10^6 nodes against other libraries, layers with symbolic sizes, memory, and the time of an import.

Run: python benchmarks/derive.py [--quick | --full] [--only scalars|after|symbolic|memory|import] [--rounds N]

Every gradient is held to numbers from a plain tape before it is timed. Times are processor seconds, medians of rounds in which the libraries take turns.
A library that is not installed is left out, and so is one that would take longer than --cap seconds for a size, going by the sizes before; each time it is
said. What is timed:

symdl              ``sd.derive(loss, weights)``: the table of all local partials and adjoints, from which a program is made; nodes are not made yet
CasADi SX          ``casadi.gradient(loss, vertcat(weights))`` of a graph that is there: an SX vector, from which a Function is made
symengine, SymPy   ``loss.diff(w)`` for every w
JAX                ``make_jaxpr(grad(f))``, which runs f on tracers: graph and gradient at once
PyTorch            ``autograd.grad`` after a forward pass: numbers, not formulas

A second table has what comes after in symdl and CasADi: the nodes of all gradients (what is printed, proved and differentiated again), and a function of
numbers, called once. Memory is of graph, weights and gradient together, by the number of nodes and rows: as ``tracemalloc`` sees it, and what a fresh process
grows by.
"""

from __future__ import annotations

import argparse
import gc
import math
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from peers import Casadi, Peer, Symdl, installed
from scalar_graphs import GRAPHS, Graph, Numbers

import symdl as sd
from symdl.graph.walk import topological
from symdl.model.transformer import encoder_parameters, transformer_encoder_layer

#: A library that has taken so many seconds for a size is not asked again for it.
ENOUGH = 2.0


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def check(peer: Peer, graph: Graph, n: int) -> None:
    """The gradient's value at a point is that of the plain tape."""
    numbers = Numbers()
    expected = numbers.gradient(*graph(n, numbers))
    built = peer.build(graph, n)
    found = peer.value(built, peer.gradient(built), numbers.values)
    for a, b in zip(found, expected, strict=True):
        if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300):
            raise SystemExit(f"{peer.name}: the gradient of {graph.__name__} with n = {n} is wrong: {a} and not {b}")


def scalars(peers: list[Peer], sizes: list[int], rounds: int, cap: float) -> None:
    for name, graph in GRAPHS.items():
        print(f"\n{name}: seconds for the gradient (and to build the graph)", flush=True)
        print(f"{'':<18}" + "".join(f"{f'n = {n:,}':>22}" for n in sizes) + f"{'slope':>10}")
        table: dict[str, list[tuple[float, float]]] = {p.name: [] for p in peers}
        turns: dict[str, list[float]] = {p.name: [] for p in peers}
        for n in sizes:
            able = [p for p in peers if len(table[p.name]) == sizes.index(n) and n <= p.largest and not_too_long(p, graph, n, turns[p.name], cap)]
            for peer, took in measured(graph, n, able, rounds, turns):
                if took is not None:
                    table[peer.name].append(took)
        for peer in peers:
            row = table[peer.name]
            cells = "".join(f"{f'{g:.4f} ({b:.3f})':>22}" for g, b in row) + " " * 22 * (len(sizes) - len(row))
            print(f"{peer.name:<18}{cells}{slope(sizes, row):>10}", flush=True)
        ratios(table, sizes)


def not_too_long(peer: Peer, graph: Graph, n: int, turns: list[float], cap: float) -> bool:
    """Whether a library's first turn at a size, ten times the one before, can be expected to end within the cap."""
    if isinstance(peer, (Symdl, Casadi)):
        return True
    if turns:
        expected = max(10.0, turns[-1] / turns[-2] if len(turns) > 1 else 10.0) * turns[-1]
    else:  # a quarter of it, and time that grows with the square
        try:
            expected = 16 * seconds(lambda: peer.gradient(peer.build(graph, n // 4)))[0]
        except RecursionError:
            expected = 0.0  # it will be said
    if expected <= cap:
        return True
    print(f"  {peer.name} at n = {n:,}: left out, by the sizes before it would take about {expected:.0f} s (--cap {cap:.0f})", flush=True)
    return False


def measured(graph: Graph, n: int, peers: list[Peer], rounds: int, turns: dict[str, list[float]]) -> list[tuple[Peer, tuple[float, float] | None]]:
    """Median seconds of each library for the gradient and for the graph; None where it gave up. ``turns``: all that its first turn took, checks included."""
    times: dict[str, list[tuple[float, float]]] = {p.name: [] for p in peers}
    out = set()
    for _ in range(rounds if n <= 10_000 else min(rounds, 3)):
        for peer in peers:
            if peer.name in out:
                continue
            began = time.process_time()
            try:
                if not times[peer.name] and n <= peer.checked:
                    check(peer, graph, n)
                gc.collect()
                built_in, built = seconds(lambda peer=peer: peer.build(graph, n))
                took, _ = seconds(lambda peer=peer, built=built: peer.gradient(built))
            except (RecursionError, MemoryError) as error:
                print(f"  {peer.name} at n = {n:,}: {type(error).__name__}")
                out.add(peer.name)
                continue
            if not times[peer.name]:
                turns[peer.name].append(time.process_time() - began)
            times[peer.name].append((took, built_in))
            if took + built_in > ENOUGH and not isinstance(peer, (Symdl, Casadi)):
                out.add(peer.name)
    return [(p, tuple(statistics.median(c) for c in zip(*times[p.name], strict=True)) if times[p.name] else None) for p in peers]  # type: ignore[misc]


def slope(sizes: list[int], row: list[tuple[float, float]]) -> str:
    """The exponent e of time ~ n^e, by least squares."""
    if len(row) < 2:
        return ""
    xs, ys = [math.log(n) for n in sizes[: len(row)]], [math.log(g) for g, _ in row]
    mx, my = statistics.mean(xs), statistics.mean(ys)
    return f"{sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs):.2f}"


def ratios(table: dict[str, list[tuple[float, float]]], sizes: list[int]) -> None:
    own, other = table[Symdl.name], table.get("CasADi SX", [])
    shown = [f"{a[0] / b[0]:.1f} ({a[1] / b[1]:.1f})" for a, b in zip(own, other, strict=False)]
    if shown:
        print(f"{'symdl / CasADi':<18}" + "".join(f"{cell:>22}" for cell in shown))


def afterwards(peers: list[Peer], sizes: list[int]) -> None:
    """What comes after the gradient: nodes, and a function of numbers."""
    print("\nafter the gradient: seconds for the nodes of all gradients; for a function of numbers, and a second call of it")
    own = next(p for p in peers if isinstance(p, Symdl))
    for name, graph in GRAPHS.items():
        for n in sizes:
            numbers = Numbers()
            graph(n, numbers)
            for peer in peers:
                built = peer.build(graph, n)
                if peer is own:
                    gradient = peer.gradient(built)
                    nodes = f"{seconds(lambda g=gradient: [e.node for e in g.gradients.values()])[0]:>10.3f}"
                else:
                    nodes = " " * 10
                gradient = peer.gradient(built)
                made, function = seconds(lambda peer=peer, built=built, g=gradient: peer.function(built, g))
                first, again = (seconds(lambda f=function, at=numbers.values: f(at))[0] for _ in range(2))
                print(f"{name:<10}{n:>10,} {peer.name:<12}{nodes}{made + first:>10.3f}{again:>10.4f}", flush=True)


# --- symbolic sizes ---------------------------------------------------------------------------------------------


def two_layers() -> tuple[Any, list[Any]]:
    """A sigmoid network, all sizes symbolic."""
    n, p, h, m = sd.dims("n p h m")
    X, T = sd.tensor("X", n, p), sd.tensor("T", n, m)
    W1, b1, W2, b2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("b2", m)
    return sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2, [W1, b1, W2, b2]


def transformer(blocks: int) -> tuple[Any, list[Any]]:
    """Encoder blocks one after the other, of eight heads; batch, length and sizes symbolic."""
    batch, length, width, hidden = sd.dims("N L d f")
    x, target = sd.tensor("x", batch, length, 8 * width), sd.tensor("target", batch, length, 8 * width)
    found: list[Any] = []
    for k in range(blocks):
        params = encoder_parameters(8 * width, hidden, f"layer{k}_")
        found += params.values()
        x = transformer_encoder_layer(x, params, 8)
    return sd.sum((x - target) ** 2), found


def symbolic(rounds: int, blocks: list[int]) -> None:
    print("\nsymbolic sizes: seconds to build, and to derive the gradient by all parameters")
    for title, build, count in (
        ("two layers", two_layers, rounds),
        *((f"transformer, {k} blocks", lambda k=k: transformer(k), 1) for k in blocks),
    ):
        times = []
        for _ in range(count):
            built_in, (loss, wrt) = seconds(build)
            times.append((built_in, seconds(lambda loss=loss, wrt=wrt: sd.derive(loss, wrt))[0]))
        built_in, took = (statistics.median(c) for c in zip(*times, strict=True))
        print(f"{title:<24}{built_in:>10.4f}{took:>10.4f}   {len(wrt)} parameters", flush=True)


# --- memory and import ------------------------------------------------------------------------------------------


def memory(sizes: list[int]) -> None:
    """Bytes for each node of a graph and row of its gradient, the user's expressions included."""
    print("\nmemory: bytes a node of the graph and row of its gradient; and a node, when the gradient is nodes too")
    peer = Symdl()
    for name, graph in GRAPHS.items():
        for n in sizes:
            gc.collect()
            tracemalloc.start()
            loss, wrt = peer.build(graph, n)
            derived = peer.gradient((loss, wrt))
            gc.collect()
            held, peak = tracemalloc.get_traced_memory()
            count = rows_of(derived)
            told = f"{name:<10}{n:>10,}{held / count:>10.0f} held{peak / count:>10.0f} at most   {count:,} nodes and rows"
            if n <= 100_000:
                nodes = len(topological([loss.node, *(g.node for g in derived.gradients.values())]))
                gc.collect()
                told += f"{tracemalloc.get_traced_memory()[0] / nodes:>10.0f} held as {nodes:,} nodes"
            tracemalloc.stop()
            del loss, wrt, derived
            grown = subprocess.run([sys.executable, __file__, "--grown", name, str(n)], check=True, capture_output=True, text=True).stdout
            print(f"{told}{int(grown) / count:>8.0f} by the process", flush=True)


def grown(name: str, n: int) -> int:
    """Bytes by which this process grows while a graph is built and derived."""
    peer = Symdl()
    peer.gradient(peer.build(GRAPHS[name], 100))  # what is loaded once
    before = resident()
    kept = peer.build(GRAPHS[name], n)
    derived = peer.gradient(kept)
    after = resident()
    del kept, derived
    return after - before


def resident() -> int:
    """Bytes of memory that the process has now; where the system does not say, the most it has had."""
    try:
        with open("/proc/self/statm", encoding="ascii") as told:
            return int(told.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def rows_of(derived: Any) -> int:
    """Rows of the table that a gradient is."""
    return len(next(iter(derived.gradients.values())).source.tape.rows)


def imports(rounds: int) -> None:
    """What ``import symdl`` adds to ``import sympy``, in fresh interpreters that take turns."""
    times: dict[str, list[float]] = {"sympy, numpy": [], "symdl": []}
    for _ in range(rounds + 1):
        for modules in times:
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)
            times[modules].append(time.perf_counter() - started)
    first, second = (statistics.median(t[1:]) for t in times.values())
    print(f"\nimport sympy, numpy {first * 1e3:.0f} ms; import symdl {second * 1e3:.0f} ms, {(second - first) * 1e3:+.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="graphs of a million nodes too")
    parser.add_argument("--quick", action="store_true", help="graphs of up to ten thousand nodes, fewer rounds: a minute or so")
    parser.add_argument("--cap", type=float, help="seconds that another library may take for a size (20; --quick: 2)")
    parser.add_argument("--grown", nargs=2, metavar=("GRAPH", "N"), help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["scalars", "after", "symbolic", "memory", "import"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--largest", type=int)
    given = parser.parse_args()
    if given.grown:
        print(grown(given.grown[0], int(given.grown[1])))
        return
    given.rounds = given.rounds or (3 if given.quick else 5)
    given.largest = given.largest or (10_000 if given.quick else 100_000)
    given.cap = given.cap or (2.0 if given.quick else 20.0)
    sizes = [n for n in (10**k for k in range(2, 7)) if n <= (10**6 if given.full else given.largest)]
    if given.only in (None, "scalars"):
        peers, absent = installed()
        for name in absent:
            print(f"{name}: not installed")
        scalars(peers, sizes, given.rounds, given.cap)
    if given.only in (None, "after"):
        afterwards([p for p in installed()[0] if p.name in (Symdl.name, "CasADi SX")], [n for n in sizes if n <= 100_000])
    if given.only in (None, "symbolic"):
        symbolic(given.rounds, [1, 12] if given.quick else [1, 2, 4, 12])
    if given.only in (None, "memory"):
        memory([n for n in sizes if n >= 10_000])
    if given.only in (None, "import"):
        imports(given.rounds)


if __name__ == "__main__":
    main()
