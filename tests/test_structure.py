"""The house stands as its plan says: floors, light imports, small files, shelves without code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(ROOT.glob("zoo/**/*.py"))

FLOORS = {  # a module's floor, from the ground up; imports point downwards only
    **dict.fromkeys(["errors", "registry", "shelf", "config", "runs", "bundles", "_shelf"], 0),
    **dict.fromkeys(["models", "tasks", "data", "optimizers", "layers"], 1),
    "assembly": 2,
    **dict.fromkeys(["training", "evaluation", "tuning", "exporting", "serving"], 3),
    "jobs": 4,
    "cli": 5,
    **dict.fromkeys(["__init__", "__main__"], 6),
}
NEIGHBOURS = {  # on one floor nobody knows another, apart from these, and the ground floor's modules
    ("models", "layers"),
    ("tasks", "layers"),
    ("training", "evaluation"),
    ("tuning", "training"),
    ("tuning", "evaluation"),
}
LONG_FILES: dict[str, str] = {}  # file: why it may pass 300 lines
LONG_FUNCTIONS: dict[str, str] = {}  # file::function: why it may pass 60 lines
MAX_FILE, MAX_FUNCTION = 300, 60


def part(path: Path) -> str:
    """The module of the house that a file belongs to: zoo/data/sources/csv.py -> data."""
    return path.relative_to(ROOT / "zoo").with_suffix("").parts[0]


def is_type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """Every import that can happen, those inside of functions too."""
    if isinstance(tree, (ast.Import, ast.ImportFrom)):
        return [tree]
    inner = tree.orelse if is_type_checking(tree) else ast.iter_child_nodes(tree)
    return [one for node in inner for one in imports(node)]


def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules of the house that an import names: `from zoo import runs` and `import zoo.runs` name runs, `import zoo` all of it."""
    if isinstance(node, ast.Import):
        names = [one.name for one in node.names]
    elif node.module == "zoo":
        names = [f"zoo.{one.name}" for one in node.names]
    else:
        names = [node.module or ""]
    return [f"{name}.__init__".split(".")[1] for name in names if name.partition(".")[0] == "zoo"]


def allowed(importer: str, imported: str) -> bool:
    if importer == imported or FLOORS[importer] > FLOORS[imported]:
        return True
    return (importer, imported) in NEIGHBOURS or (FLOORS[importer] == FLOORS[imported] == 0)


@pytest.fixture(scope="module")
def known_imports() -> list[tuple[Path, int, str]]:
    return [(path, node.lineno, name) for path in SOURCES for node in imports(ast.parse(path.read_text())) for name in targets(node)]


def test_every_module_has_a_floor():
    assert {part(path) for path in SOURCES} <= set(FLOORS)


def test_imports_are_absolute():
    relative = [f"{path}:{node.lineno}" for path in SOURCES for node in imports(ast.parse(path.read_text())) if getattr(node, "level", 0)]
    assert relative == []


def test_imports_point_downwards(known_imports):
    public = set(public_names())
    wrong = [f"{path}:{line} imports {name}" for path, line, name in known_imports if name not in public and not allowed(part(path), name)]
    assert wrong == []
    assert len(known_imports) > 50  # the walk sees them


def test_the_neighbours_that_may_know_each_other_do(known_imports):
    """An exception that nobody needs any more leaves the list."""
    edges = {(part(path), name) for path, _, name in known_imports}
    assert {(one, other) for one, other in edges if one != other and FLOORS.get(one) == FLOORS.get(other) != 0} == NEIGHBOURS


def public_names() -> list[str]:
    import zoo

    return [name for name in zoo.__all__ if name not in FLOORS]


def test_nobody_below_the_door_uses_the_public_names(known_imports):
    """`from zoo import create_model` inside the house would be an import upwards in disguise."""
    names = set(public_names()) - set(FLOORS)
    assert [f"{path}:{line}" for path, line, name in known_imports if name in names and part(path) not in {"cli", "__main__"}] == []


def test_the_ground_floor_has_no_circle(known_imports):
    edges = {(part(path), name) for path, _, name in known_imports if part(path) != name and FLOORS.get(part(path)) == 0}
    left = {one for edge in edges for one in edge}
    while left:
        free = {one for one in left if not any(importer == one and imported in left for importer, imported in edges)}
        assert free, f"a circle among {sorted(left)}"
        left -= free


def test_the_walk_can_fail():
    """Each rule above, on code that breaks it."""
    code = "if TYPE_CHECKING:\n    import zoo.cli\nelse:\n    import zoo.jobs\ndef f():\n    from zoo import assembly\n"
    assert [name for node in imports(ast.parse(code)) for name in targets(node)] == ["jobs", "assembly"]
    whole = "import zoo\nimport zoo as z\nimport os, zoology\nfrom zoo import __version__\n"
    assert [name for node in imports(ast.parse(whole)) for name in targets(node)] == ["__init__", "__init__", "__version__"]
    assert not allowed("cli", "__init__")
    assert not allowed("data", "assembly")
    assert not allowed("data", "models")
    assert not allowed("exporting", "training")
    assert not allowed("evaluation", "training")
    assert allowed("training", "evaluation")
    assert allowed("runs", "config")


COMMANDS = ["", "--help", "--version", "schema card", "models", "datasets", "experiments", "runs"]
COMMANDS += ["show digits", "show digits_cnn", "show mlp"]
HEAVY = ["numpy", "tensorflow", "keras", "pandas", "sklearn", "scipy", "matplotlib", "tf2onnx", "onnxruntime", "pyarrow"]
CHILD = """
import sys
sys.argv = ["zoo", *{words}]
code = 0
try:
    import zoo
    if sys.argv[1:]:
        from zoo.cli import main
        code = main()
except SystemExit as left:
    code = left.code
print("left", code or 0, "loaded", *[one for one in {heavy} if one in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_what_only_looks_is_light(command, tmp_path):
    """In a fresh interpreter, so that nothing that another test loaded is there."""
    code = CHILD.format(words=command.split(), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.stderr.splitlines()[-1:] == ["left 0 loaded"], done.stdout + done.stderr


def test_the_shelves_hold_no_code():
    for shelf in ("datasets", "experiments"):
        strange = [path for path in (ROOT / shelf).rglob("*") if path.is_file() and path.suffix != ".yaml" and path.name != "README.md"]
        assert strange == []
        assert list((ROOT / shelf).glob("*.yaml"))


def test_files_are_short():
    long = {str(path.relative_to(ROOT)) for path in SOURCES if len(path.read_text().splitlines()) > MAX_FILE}
    assert long == set(LONG_FILES), "a long file needs a reason in LONG_FILES; a file that became short leaves it"


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def test_functions_are_short():
    long = {
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in SOURCES
        for node in functions(ast.parse(path.read_text()))
        if (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION
    }
    assert long == set(LONG_FUNCTIONS)


def test_no_file_is_a_drawer():
    assert [path for path in SOURCES if path.stem in {"utils", "util", "common", "helpers", "misc"}] == []


def test_every_package_is_in_the_wheel():
    """setup.cfg names packages one by one; a forgotten one would be missing from the wheel alone."""
    import configparser

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    named = set(parser["options"]["packages"].split())
    present = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"}
    assert named == present | {"zoo._shelf.datasets", "zoo._shelf.experiments"}
