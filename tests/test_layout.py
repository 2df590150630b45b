"""The tree says what it is: tests mirror the code, and the import walls name every subject."""

import ast
import tomllib
from pathlib import Path

import pytest

from server import services

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "server"
# What may stand in a service beside its subjects.
NO_SUBJECTS = {"app", "events", "neighbours", "jobs", "migrations"}

SERVICES = sorted(service.name for service in services.SERVICES)
SUBJECTS = sorted(
    f"server.{folder.parent.name}.{folder.name}"
    for service in SERVICES
    for folder in (SERVER / service).iterdir()
    if (folder / "__init__.py").exists() and folder.name not in NO_SUBJECTS
)
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
WALLS = {contract["id"]: contract for contract in TOOLS["importlinter"]["contracts"]}
PROTOS = sorted((ROOT / "protos").rglob("*.proto"))
# What server/README.md says of subjects that have more than the four parts.
MORE_PARTS = {
    "server.order.orders": {"feed", "quoting"},
    "server.order.payments": {"processing"},
    "server.order.webhooks": {"sending"},
    "server.user.accounts": {"rows"},
    "server.user.audit": {"sealing"},
    "server.user.email_links": {"sending"},
    "server.user.logins": {"provisioning", "proving"},
    "server.user.mail": {"letters"},
    "server.order.mail": {"letters", "sending", "templates"},
    "server.user.passwords": {"common", "hashing"},
    "server.user.revocations": {"feed", "rows"},
    "server.user.personal_data": {"collecting", "sending"},
    "server.user.sessions": {"granting"},
    "server.user.throttling": {"throttle"},
    "server.user.totp": {"checking", "codes", "provisioning"},
}
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70  # a screen
LINE_MAX = TOOLS["ruff"]["line-length"]


def mirror_of(tests: str, code: Path, but: str = "") -> list[tuple[Path, Path]]:
    """Each folder of tests below `tests`, and where what it tests has to be below `code`."""
    top = ROOT / tests
    folders = sorted({file.parent for file in top.rglob("*.py")} - {ROOT / but})
    return [(folder.relative_to(ROOT), code / folder.relative_to(top)) for folder in folders]


@pytest.mark.parametrize(
    ("folder", "mirrored"),
    [
        *mirror_of("tests/server", Path("server")),
        *mirror_of("tests/clients", Path("clients/emporium"), but="tests/clients/typescript"),
        *mirror_of("tests/clients/typescript", Path("clients/typescript")),
    ],
    ids=str,
)
def test_tests_stand_where_the_code_stands(folder: Path, mirrored: Path) -> None:
    assert (ROOT / mirrored).is_dir(), f"{folder}: there is no {mirrored}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_tests_of_a_subject_are_of_it(subject: str) -> None:
    """They import its code; those of its servicer go through doors, and may know stubs alone."""
    tests = (ROOT / "tests" / Path(*subject.split("."))).rglob("test_*.py")
    strange = [
        file.name
        for file in tests
        if not file.name.startswith("test_service")
        and not any(f"{name}.".startswith(f"{subject}.") for name in modules_imported(file))
    ]
    assert strange == []


def modules_imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names))
    }


def test_services_do_not_know_each_other() -> None:
    assert sorted(WALLS["services"]["modules"]) == [f"server.{name}" for name in SERVICES]


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_layers_that_are_exhaustive(service: str) -> None:
    wall = WALLS[service]
    assert wall["containers"] == [f"server.{service}"]
    assert wall["exhaustive"]


def test_the_walls_of_subjects_name_every_subject() -> None:
    assert sorted(WALLS["subjects"]["containers"]) == SUBJECTS
    assert WALLS["subjects"]["exhaustive"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_has_the_four_parts_and_what_the_map_names(subject: str) -> None:
    parts = {path.stem for path in (ROOT / Path(*subject.split("."))).iterdir()}
    more = parts - {"__init__", "__pycache__", "service", "rules", "wire", "store"}
    assert more == MORE_PARTS.get(subject, set())


@pytest.mark.parametrize("service", SERVICES)
def test_each_subject_has_a_folder_that_says_what_it_is(service: str) -> None:
    loose = [
        file.name
        for file in (SERVER / service).glob("*.py")
        if file.name not in {"__init__.py", "app.py"}
    ]
    assert loose == []


@pytest.mark.parametrize("folder", ["server", "clients", "tests"])
def test_a_file_and_a_function_have_an_end(folder: str) -> None:
    written = [
        path
        for path in (ROOT / folder).rglob("*.py")
        if "_pb2" not in path.name and "node_modules" not in path.parts
    ]
    long = [
        f"{path.relative_to(ROOT)}: {name}, {lines} lines"
        for path in written
        for name, lines in too_long(path.read_text(encoding="utf-8"))
    ]
    assert long == []


def test_a_script_of_the_edge_has_an_end() -> None:
    scripts = [*(ROOT / "envoy").glob("*.lua")]
    assert len(scripts) > 1
    lines = {script.name: len(script.read_text().splitlines()) for script in scripts}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}


def too_long(text: str) -> list[tuple[str, int]]:
    """The names and lengths of what has more lines than a file or a function may have."""
    functions = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    long = [(name, lines) for name, lines in functions.items() if lines > FUNCTION_LINES_MAX]
    whole = len(text.splitlines())
    return [*long, *([("the file", whole)] if whole > FILE_LINES_MAX else [])]


def test_what_is_too_long_is_seen() -> None:
    function = "async def long() -> None:\n" + "    pass\n" * FUNCTION_LINES_MAX
    assert too_long(function) == [("long", FUNCTION_LINES_MAX + 1)]
    assert too_long("\n" * (FILE_LINES_MAX + 1)) == [("the file", FILE_LINES_MAX + 1)]
    assert too_long(function.replace("    pass\n", "", 1)) == []


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_a_proto_is_as_wide_as_the_code(proto: Path) -> None:
    lines = proto.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > LINE_MAX] == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_a_wall_around_the_stubs_of_others(service: str) -> None:
    wall = WALLS[f"{service}-stubs"]
    assert wall["source_modules"] == [f"server.{service}.**"]
    assert wall["among"] == ["emporium.*.v1.**"]
    assert f"emporium.{service}.v1.**" in wall["allowed"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_aggregate_has_a_test_of_every_column(subject: str) -> None:
    """An aggregate is what has a version: rules change it, and a store must write all of that."""
    folder = Path(*subject.split("."))
    tests = (ROOT / "tests" / folder).rglob("test_every_column.py")
    tried = {name for file in tests for name in imported(file)}
    assert [name for name in aggregates(ROOT / folder) if name not in tried] == []


def aggregates(subject: Path) -> list[str]:
    """The classes of the subject's rules that have a version; what has a type too is an event."""
    rules = [*subject.glob("rules.py"), *subject.glob("rules/*.py")]
    members = {
        node.name: {
            ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)
        }
        for file in rules
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    return [name for name, of in members.items() if "version" in of and "type" not in of]


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_aggregates_are_found() -> None:
    found = [name for subject in SUBJECTS for name in aggregates(Path(ROOT, *subject.split(".")))]
    assert {"Order", "OrderEvent", "Product", "User"} <= {*found}  # OrderEvent is analytics'
