"""Rules of the house that no single module can check."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("electra_model", "pipelines", "runners")
MAY_IMPORT = {
    "electra_model": {"electra_model"},
    "pipelines": {"electra_model", "pipelines"},
    "runners": {"electra_model", "pipelines", "runners"},
}
HEAVY = {"tensorflow", "keras", "tensorflow_text"}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
MOST_LINES = 400

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
FILES = [*MODULES.values(), *sorted((ROOT / "tests").rglob("*.py"))]


def imported(node, module):
    """The modules that one import statement names, dots at its front resolved."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    source = node.module or ""
    if node.level:
        parts = module.split(".")
        is_package = MODULES[module].name == "__init__.py"
        parts = parts[: len(parts) - node.level + is_package]
        source = ".".join([*parts, source] if source else parts)
    # `from package import module` names a module as well.
    return [source, *(f"{source}.{alias.name}" for alias in node.names)]


def at_import_time(tree):
    """Statements that run when the module is imported: not those in functions, nor those for type
    checkers only."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)


def imports_of(module, nodes):
    return {name for node in nodes for name in imported(node, module)}


def tree_of(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_there_is_something_to_check():
    assert {name.split(".")[0] for name in MODULES} == set(PACKAGES)
    assert len(MODULES) > 60
    relative = ast.parse("from ..jobs.job import JobConfig").body[0]
    named = ["runners.jobs.job", "runners.jobs.job.JobConfig"]
    assert imported(relative, "runners.training.training") == named
    nested = ast.parse(
        "def f():\n  import keras\nif TYPE_CHECKING:\n  import tensorflow\nimport os"
    )
    assert imports_of("runners", at_import_time(nested)) == {"os"}


@pytest.mark.parametrize("module", MODULES)
def test_packages_import_downwards_only(module):
    found = {name.split(".")[0] for name in imports_of(module, ast.walk(tree_of(module)))}
    allowed = MAY_IMPORT[module.split(".")[0]]
    assert not (found & {*PACKAGES, "tests"}) - allowed


def test_the_model_knows_nothing_of_beam():
    for module in MODULES:
        if module.startswith("electra_model"):
            names = imports_of(module, ast.walk(tree_of(module)))
            assert not {name for name in names if name.startswith("apache_beam")}, module


def test_importing_a_pipeline_imports_no_tensorflow():
    """Neither by itself nor through a module of ours."""
    edges = {module: imports_of(module, at_import_time(tree_of(module))) for module in MODULES}

    def path_to_heavy(module, seen):
        for name in sorted(edges[module]):
            if name.split(".")[0] in HEAVY:
                return [module, name]
            if name in MODULES and name not in seen:
                seen.add(name)
                if found := path_to_heavy(name, seen):
                    return [module, *found]
        return None

    paths = [path_to_heavy(name, {name}) for name in MODULES if name.startswith("pipelines")]
    assert not [" -> ".join(path) for path in paths if path]
    assert path_to_heavy("electra_model.losses", set()), "the check finds what there is"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_and_sizes_of_files(path):
    names = {path.stem, *path.relative_to(ROOT).parts[:-1]}
    assert not names & FORBIDDEN_NAMES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_tests_are_no_packages():
    found = [str(path) for path in (ROOT / "tests").rglob("__init__.py")]
    assert not [path for path in found if "benchmarks" not in path]


def test_every_module_of_the_model_has_its_tests():
    modules = {path.stem for path in (ROOT / "electra_model").glob("*.py")} - {"__init__", "errors"}
    tests = {
        path.stem.removeprefix("test_") for path in (ROOT / "tests/electra_model").glob("*.py")
    }
    assert modules <= tests
