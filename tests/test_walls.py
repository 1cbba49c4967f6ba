"""Who may import whom: the walls of docs/DESIGN.md, held over the syntax trees (imports inside functions count too)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "symdl"
CORE = {"functions", "graph", "expr", "steps", "errors"}
ROOMS = {
    "functions": {"errors"},
    "graph": {"functions", "errors"},
    "expr": {"graph", "functions", "errors"},
    "model": {"expr", "graph", "functions", "errors"},
    "steps": {"expr", "graph", "functions", "errors"},
    "diff": CORE,
    "prove": CORE,
    "lower": CORE,
    "render": CORE,
    "train": {"lower", "errors"},
    "data": {"errors"},
    "errors": set(),
    "mutants": CORE | {"model", "prove", "pipeline", "edits"},
    "mend": CORE | {"diff", "prove", "edits"},
    "extend": CORE | {"lower"},
    "saved": CORE | {"model", "pipeline"},
    "tour": CORE | {"model", "lower", "train", "render", "pipeline", "scripts", "tour"},
}
CORE_PACKAGES = {"sympy", "numpy", "mpmath"}  # mpmath comes with SymPy
OPTIONAL = {"torch", "jax", "numba", "matplotlib", "sklearn", "tqdm", "latex2mathml", "typst", "flint", "scipy"}


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    """Dotted names of what a file imports; those under ``if TYPE_CHECKING`` are not run and do not count."""
    stack: list[ast.AST] = list(ast.parse(path.read_text("utf-8")).body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
        elif not (top_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
            stack.extend(ast.iter_child_nodes(node))


def files(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]


def crossings(room: str, allowed: set[str]) -> list[str]:
    found = []
    for path in files(room):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "symdl" and (len(parts) < 2 or parts[1] not in allowed | {room}):
                found.append(f"{path.relative_to(PACKAGE)} imports {name}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room):
    assert not crossings(room, ROOMS[room])


def test_every_room_has_its_walls():
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and not p.name.startswith("_")}
    assert rooms <= set(ROOMS)


def test_no_sympy_in_the_training_room():
    assert not [f"{p.name}: {name}" for p in files("train") for name in imports(p) if name.split(".")[0] == "sympy"]


def test_optional_packages_are_imported_only_where_they_are_used():
    found = [f"{p.relative_to(PACKAGE)}: {name}" for p in PACKAGE.rglob("*.py") for name in imports(p, top_only=True) if name.split(".")[0] in OPTIONAL]
    assert not found


def test_only_declared_packages_are_imported():
    import sys

    known = CORE_PACKAGES | OPTIONAL | {"symdl"} | set(sys.stdlib_module_names)
    found = {name.split(".")[0] for p in PACKAGE.rglob("*.py") for name in imports(p)} - known
    assert not found


def test_a_crossing_is_seen(tmp_path, monkeypatch):
    (tmp_path / "prove").mkdir()
    (tmp_path / "prove" / "bad.py").write_text("def f():\n    from symdl.diff import derive\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert crossings("prove", ROOMS["prove"]) == ["prove/bad.py imports symdl.diff.derive"]


def test_rooms_do_not_hide_the_functions_of_their_names():
    import symdl as sd
    import symdl.tour.drawing
    import symdl.train.files

    assert callable(sd.train) and callable(sd.prove)
