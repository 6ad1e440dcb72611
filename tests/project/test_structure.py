"""Guards that keep the repository small and plain (CONTRIBUTING.md, "House rules")."""

import ast
import re
import statistics
from collections import Counter

import pytest

from nexus_project.env import BASE_DIR
from tests.project import repository
from tests.project.repository import CODE, PYTHON

# Written so that this file does not find itself.
FOREIGN = re.compile(
    r"/(?:home|Users)/(?!dev/shop\b)[a-z]"  # a developer's folder; /home/dev/shop is the samples' made-up one
    r"|/ro[o]t/"
    r"|(?:index-ur[l]|find-link[s])[ =]+\S*://"
    r"|://[^\s/]*(?:mirro[r]|artifactor[y]|devp[i])"
    r"|://\S+/simpl[e]\b"
)


def lengths(*folders: str) -> dict[str, int]:
    """Lines of each file that holds any."""
    found = {
        repository.name(path): len(path.read_text().splitlines()) for path in repository.modules(*folders)
    }
    return {path: lines for path, lines in found.items() if lines}


def test_no_file_is_longer_than_400_lines() -> None:
    assert {path: lines for path, lines in lengths(*PYTHON).items() if lines > 400} == {}


@pytest.mark.parametrize("folders", [CODE, ("tests",)], ids=["code", "tests"])
def test_half_of_the_files_have_120_lines_or_fewer(folders: tuple[str, ...]) -> None:
    assert statistics.median(lengths(*folders).values()) <= 120


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{repository.name(path)}: {node.name}"
        for path in repository.modules(*PYTHON)
        for node in ast.walk(repository.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= 50
    ]

    assert long == []


def rebuilt(tree: ast.Module) -> list[str]:
    """Values (frozen) of which a method makes another from fields of its own: the next field would be forgotten there."""
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and _is_value(node)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {node.name, "type(self)"}
        if any(
            ast.unparse(value) in _own_fields(node)
            for value in (*call.args, *(keyword.value for keyword in call.keywords))
        )
    ]


def _is_value(node: ast.ClassDef) -> bool:
    said = [ast.unparse(item) for item in (*node.decorator_list, *node.bases, *node.keywords)]
    return any("frozen=True" in text or text == "NamedTuple" for text in said)


def _own_fields(node: ast.ClassDef) -> set[str]:
    return {f"self.{ast.unparse(item.target)}" for item in node.body if isinstance(item, ast.AnnAssign)}


def test_an_object_that_is_another_ones_but_for_a_field_is_made_by_replace() -> None:
    by_hand = "class A(NamedTuple):\n    x: int\n    def b(self):\n        return A(self.x, y=2)"
    assert rebuilt(ast.parse(by_hand)) == ["A"]
    found = {repository.name(path): rebuilt(repository.tree(path)) for path in repository.modules(*CODE)}

    assert {path: names for path, names in found.items() if names} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "common", "services", "misc"}
    # Tests of services that run may be called so.
    named = [path for path in repository.modules(*CODE) if empty & {path.stem, path.parent.name}]

    assert [repository.name(path) for path in named] == []


def test_every_exception_from_types_and_lint_names_its_code() -> None:
    bare = re.compile(r"#\s*type: ignore(?!\[)|#\s*noqa(?!: [A-Z]+[0-9])")
    found = [
        repository.name(path) for path in repository.modules(*PYTHON) if bare.search(path.read_text("utf-8"))
    ]

    assert found == []


def test_the_readme_fits_on_a_page() -> None:
    assert len((BASE_DIR / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


def test_the_walk_finds_files_of_every_kind() -> None:
    found = {repository.name(path) for path in repository.texts()}

    assert {"README.md", "Makefile", ".ci/run", "manage.py", "requirements/dev.txt"} <= found
    assert {"docs/decisions/0004-upstream-transport.md", "dashboard/static/dashboard/live.js"} <= found


@pytest.mark.parametrize(
    "parts",
    [
        ("/home", "/ann/x"),
        ("/Users", "/ann"),
        ("/ro", "ot/x"),
        ("--index-", "url https://a"),
        ("://mir", "ror.a/b"),
    ],
)
def test_what_is_foreign_is_recognised(parts: tuple[str, str]) -> None:
    assert FOREIGN.search("".join(parts))


def test_no_file_names_a_package_mirror_or_a_folder_of_somebodys_machine() -> None:
    # Whatever else lies in a clone, such as a dump, may be no text.
    found = {
        repository.name(path): FOREIGN.search(path.read_text("utf-8", "replace"))
        for path in repository.texts()
    }

    assert {path: match[0] for path, match in found.items() if match} == {}


def test_a_folder_holds_no_more_than_a_reader_keeps_in_mind() -> None:
    """One subject a folder: 24 modules at most."""
    found = Counter(repository.name(path.parent) for path in repository.modules(*PYTHON))

    assert {folder: count for folder, count in found.items() if count > 24} == {}
