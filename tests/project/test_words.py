"""Names and texts use the words of docs/glossary.md, and none of the words that only this repository once used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR
from tests.project import repository
from tests.project.repository import PYTHON

# By the word that came in its place.
FORMER = {
    "payer": "credential",
    "payers": "credentials",
    "standing": "circuit breaker",
    "standings": "circuit breakers",
    "survey": "inspect",
    "surveys": "inspections",
    "rescue": "salvage",
    "rescued": "salvaged",
    "pieces": "chunks",
    "open_doors": "exposure",
    "told": "reported",
    "mend": "fix",
    "taker": "sink",
    "answer": "response",
    "answer_bytes": "response body",
    "link": "connection",
    "reply": "response",
    "passage": "response stream",
    "outbox": "write batcher",
    "slot": "spool directory",
    "set_aside": "dead letter",
    "month_keys": "data keys",
    "sealing": "envelope encryption",
    "differences": "reconciliation",
    "surroundings": "environment",
    "keeper": "server owner",
    "aside": "dead letter",
    "guardian": "reaper",
    "one": "the name of the thing",
}
# Columns, which a migration would have to rename, and what files of an earlier version hold.
KEPT = {"proxy/store/models/spools.py": {"told"}}
KEPT_TEXTS = {("accounts/snapshot/file.py", "payers")}
IN_TEXTS = re.compile(
    r"\b(?:payers?|standing|outbox|takers?|open_doors|month_keys|surroundings|set aside|rescued?)\b",
    re.IGNORECASE,
)


def named(tree: ast.AST) -> Iterator[str]:
    """What a module defines: classes, functions, parameters, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def former(path: Path) -> list[str]:
    names = {in_snake_case(name) for name in (path.stem, *named(repository.tree(path))) if not name.isupper()}
    return sorted(names & FORMER.keys() - KEPT.get(repository.name(path), set()))


def test_former_words_are_found() -> None:
    tree = ast.parse(
        "class OpenDoors:\n    def f(self, taker):\n        self._told = [one for one in taker]\n"
    )

    assert {in_snake_case(name) for name in named(tree)} & FORMER.keys() == {
        "open_doors",
        "taker",
        "told",
        "one",
    }


def test_nothing_is_named_by_a_former_word() -> None:
    found = {repository.name(path): former(path) for path in repository.modules(*PYTHON)}

    assert {path: words for path, words in found.items() if words} == {}


def texts(path: Path) -> Iterator[str]:
    """What people read of a file: all of a document or template, the logged and printed texts of a module."""
    if path.suffix != ".py":
        yield path.read_text(encoding="utf-8")
        return
    for node in ast.walk(repository.tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("suffix", [".md", ".html", ".py"])
def test_no_text_for_people_uses_a_former_word(suffix: str) -> None:
    paths = [
        path
        for path in repository.texts()
        if path.suffix == suffix and "tests" not in path.parts and "migrations" not in path.parts
    ]
    found = {
        (repository.name(path), word)
        for path in paths
        for text in texts(path)
        for word in IN_TEXTS.findall(text)
    }

    assert paths
    assert found - KEPT_TEXTS == set()


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    lines = (BASE_DIR / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    words = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "---" not in line][1:]

    assert words == sorted(set(words), key=str.lower)
    assert len(words) > 30
