"""A stranger finds the way: each package says how to read it, and docs/architecture.md names them all."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR
from tests.project import repository
from tests.project.repository import CODE

# What Django prescribes: nothing is to be said of it, and nothing is to be read in an order.
PRESCRIBED = {"migrations", "commands", "templatetags"}
NAME = re.compile(r"`([\w.]+)`")
SENTENCE = re.compile(r"[.:;](?:\s|$)")
MAP = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")


def packages() -> Iterator[Path]:
    """Package folders that hold something of ours: not what Django prescribes, nor a folder of such folders alone."""
    for folder in CODE:
        for path in sorted((BASE_DIR / folder).rglob("__init__.py")):
            below = {child.name for child in path.parent.iterdir()} - {"__init__.py", "__pycache__"}
            if path.parent.name not in PRESCRIBED and not below <= PRESCRIBED:
                yield path.parent


def docstring(package: Path) -> str:
    return ast.get_docstring(repository.tree(package / "__init__.py")) or ""


def reading(text: str) -> str:
    """What a docstring says from the sentence on that tells where to begin; "" where none does."""
    _, mark, rest = text.partition("Read ")
    return mark + rest


def is_there(name: str, package: Path) -> bool:
    """A file or folder of the package, a function of its `__init__`, or a module, or what is in one, by its dotted path."""
    dotted = BASE_DIR / name.replace(".", "/")
    candidates = [package / name, package / f"{name}.py"]
    if "." in name:
        candidates += [dotted, dotted.with_suffix(".py"), dotted.parent.with_suffix(".py"), dotted.parent]
    defined = {getattr(node, "name", "") for node in repository.tree(package / "__init__.py").body}
    return name in defined or any(path.exists() for path in candidates)


def missing(package: Path) -> list[str]:
    """What a package does not say of itself."""
    text = docstring(package)
    if len(SENTENCE.findall(text)) < 2:
        return ["two sentences"]
    names = NAME.findall(reading(text))
    if not names:
        return ["where to begin: Read `this`, then `that`"]
    return [name for name in names if not is_there(name, package)]


def test_each_package_says_what_it_is_and_in_which_order_to_read_it() -> None:
    found = {repository.name(package): missing(package) for package in packages()}

    assert {"proxy", "proxy/wire", "accounts/management", "nexus_project/urls"} <= found.keys()
    assert {package: what for package, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""One sentence."""',
        '"""What it is. And more of it."""',
        '"""What it is. Read `nothing_like_it` first."""',
    ],
)
def test_a_package_that_does_not_is_noticed(tmp_path: Path, text: str) -> None:
    (tmp_path / "__init__.py").write_text(text)

    assert missing(tmp_path)


def test_the_map_names_each_package() -> None:
    folders = {repository.name(package) for package in packages()}
    linked = {
        repository.name((BASE_DIR / "docs" / target).resolve())
        for target in re.findall(r"\]\((\.\./[^)#\s]+)\)", MAP)
    }

    assert sorted(folders - linked) == []
