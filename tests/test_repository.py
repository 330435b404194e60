"""What holds for the repository as a whole, whatever the code does?

The layers of the package, the size and docstring of each module, what a start imports, what is
shipped, and what must stand in no file.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import reconciler
from reconciler.cli.commands import TABLE

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "reconciler"
MODULES = sorted(PACKAGE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

VALUES = {"catalog", "errors", "home", "model", "regular", "roles", "schemas"}
MAY_IMPORT = {
    "cli": {"apply", "config", "directory", "journal", "looking", "plan", "planning", "report", "sandbox"}
    | VALUES,
    "apply": {"directory", "journal", "plan"} | VALUES,
    "report": {"looking", "plan"} | VALUES,
    "looking": {"journal", "plan", "planning"} | VALUES - {"schemas"},
    "planning": {"plan"} | VALUES - {"schemas"},
    "journal": {"plan"} | VALUES,
    "directory": {"plan"} | VALUES,
    "config": VALUES,
    "sandbox": VALUES - {"schemas"},
    "plan": VALUES - {"schemas"},
    "catalog": {"errors", "model", "regular", "roles"},
    "errors": {"model"},
    "home": {"errors"},
    "regular": set(),
    "roles": set(),
    "schemas": set(),
    "model": set(),
}
"""Part → the parts that it may import, besides itself: downwards only, and imports for types count."""


def named(path):
    return path.relative_to(ROOT).as_posix()


def part_of(path):
    """Return the part that a module belongs to: its folder below the package, or its own name.

    What follows an underscore tells files of one part apart: `catalog_csv` belongs to `catalog`.
    """
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem.partition("_")[0] or inside.stem


def imported_parts(path):
    """Return the parts of the package that a module imports, at whatever depth of its code."""
    dotted = [*path.relative_to(ROOT).with_suffix("").parts]
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                targets = [name.name.split(".") for name in names]
            case ast.ImportFrom(module=module, level=level, names=names):
                start = dotted[: len(dotted) - level] if level else []
                source = [*start, *(module.split(".") if module else [])]
                targets = [[*source, name.name] for name in names]
            case _:
                continue
        own = [target for target in targets if target[0] == "reconciler" and len(target) > 1]
        parts |= {target[1].partition("_")[0] for target in own}
    return parts & set(MAY_IMPORT)


def test_imports_run_downwards_only():
    """A part imports only what the table lets it: the core never learns of the shell."""
    found = []
    for path in MODULES:
        part = part_of(path)
        allowed = {"cli"} if part in ("__init__", "__main__") else MAY_IMPORT[part] | {part}
        found += [f"{named(path)} imports {other}" for other in sorted(imported_parts(path) - allowed)]
    assert found == []


def test_the_table_of_layers_names_every_part():
    parts = {part_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert parts <= set(MAY_IMPORT)


def test_the_table_of_layers_has_no_cycle():
    """What is below a part can't be above it as well."""
    rest = {part: set(below) for part, below in MAY_IMPORT.items()}
    while rest:
        lowest = {part for part, below in rest.items() if not below & set(rest)}
        assert lowest, f"these import each other: {sorted(rest)}"
        rest = {part: below for part, below in rest.items() if part not in lowest}


def test_every_module_says_which_question_it_answers():
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert [named(path) for path in silent] == []


def test_every_module_fits_in_a_head():
    """Four hundred lines are the limit, three hundred the aim."""
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


# ------------------------------------------------------------------------------------- start-up

HEAVY = ("azure", "httpx", "jinja2", "jsonschema", "rich", "sqlite3", "waitress", "werkzeug")


def modules_after(*arguments):
    """Run the command in a process of its own and return the names of all modules it imported."""
    script = (
        "import sys; from reconciler.cli import main; code = main(sys.argv[1:]);"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, *arguments]
    # The measuring of coverage has imports of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return set(run.stderr.splitlines())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)], ids=" ".join)
def test_help_starts_without_the_libraries_of_the_work(arguments):
    """`--help` answers at once: it pays for no HTTP client, no sign-in, no database and no colours."""
    assert not {name for name in modules_after(*arguments) if name.partition(".")[0] in HEAVY}


# ------------------------------------------------------------------------------------- files


def tracked():
    """Return the files of the repository as git knows them; skips outside a git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in run.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


# Written in pieces, so that this file does not hold what it forbids.
FOREIGN = re.compile(
    "|".join(
        (
            rf"{re.escape('/wo' + 'rk/')}\w",
            rf"{re.escape('/ro' + 'ot/')}\w",
            rf"{re.escape('/ho' + 'me/')}\w",
            rf"{re.escape('/Us' + 'ers/')}\w",
            rf"(?:{re.escape('files.python' + 'hosted.org')}|{re.escape('pypi' + '.org')}/simple)",
            "--(?:extra-)?index" + "-url",
            "--find" + "-links",
        )
    )
)


def test_no_file_names_a_machine_or_a_package_registry():
    """A checkout works anywhere: where packages come from is for the machine's own settings to say."""
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # hostile bytes that a test keeps on purpose
        found += [f"{named(path)}: {match.group()}" for match in FOREIGN.finditer(text)]
    assert found == []


def test_the_changelog_tells_of_the_current_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert reconciler.__version__ in headings


def test_the_package_and_the_project_agree_on_the_version():
    assert PROJECT["version"] == reconciler.__version__


def test_every_dependency_has_a_lower_bound_and_a_constraint():
    """Users get bounds; CI installs exact versions, so that a new release can't break a build."""
    requirements = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines if "==" in line}
    for requirement in requirements:
        name, bound = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?(.*)", requirement).groups()
        assert bound.startswith(">="), requirement
        assert re.sub(r"[-_.]+", "-", name).lower() in pinned


def test_every_dependency_is_used():
    """A dependency is chosen: one that nothing imports is taken out again."""
    modules = {"azure-identity": "azure.identity", "jsonschema-rs": "jsonschema_rs", "pyyaml": "yaml"}
    code = "\n".join(path.read_text(encoding="utf-8") for path in MODULES)
    names = [requirement.partition(">=")[0] for requirement in PROJECT["dependencies"]]
    imported = {name for name in names if re.search(rf"(?:import|from) {modules.get(name, name)}\b", code)}
    assert imported == set(names)


def test_every_line_of_the_constraints_is_exact():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)] == []


def test_the_readme_lists_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [row.name for row in TABLE if f"`{row.name}" not in readme] == []


# ------------------------------------------------------------------------------------- packages


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel with the backend that pip would use; return its file."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_a_wheel_holds_the_code_the_schemas_and_the_catalogue(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {named(path) for path in MODULES} <= names
    assert {f"reconciler/{named(path)}" for path in (ROOT / "schemas").glob("*.json")} <= names
    assert "reconciler/catalog.yaml" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_installed_wheel_finds_its_schemas_and_its_catalogue(wheel, tmp_path):
    """Neither depends on a checkout around the package."""
    shutil.unpack_archive(wheel, tmp_path, "zip")
    script = (
        "from reconciler import catalog, schemas\n"
        "for name in ('tenant', 'plan', 'snapshot', 'journal'):\n"
        "    assert schemas.load(name)['$schema'], name\n"
        "    print(schemas.path(name))\n"
        "assert catalog.load().skus\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert {Path(line).parent for line in run.stdout.split("\n") if line} == {tmp_path / "reconciler/schemas"}


def test_a_source_distribution_can_be_tested(tmp_path):
    """It holds what `make test` needs."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "Makefile",
        "constraints.txt",
        "pyproject.toml",
        "tenant.yaml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
    }
    assert wanted | {"tests/test_repository.py", "benchmarks/run.py", "schemas/tenant.schema.json"} <= names
