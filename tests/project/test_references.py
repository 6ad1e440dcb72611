"""Whoever follows a reference arrives: what code, tests and documents cite is in the repository, down to the heading.

A reference is, in any text file: a relative link of Markdown; the path of a document from the repository's root, with or without
`#heading`; `decision 0021` or `docs/decisions/0021`. A section sign may stand behind the number of an RFC only, and comments and
docstrings name a document by its path, never by its bare name or by a title. Texts that are made up for samples cite nothing.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from nexus_project.env import BASE_DIR
from tests.project import repository
from tests.project.repository import CODE, PYTHON

LINK = re.compile(r"\]\((?![a-z]+://)([^)\s#]*)(?:#([^)\s]*))?\)")
PATH = re.compile(r"(?<!\]\()(?<![\w/.-])((?:docs/[\w./-]+|README|CONTRIBUTING|CHANGELOG)\.md)(?:#([\w-]+))?")
DECISION = re.compile(r"(?:decision |docs/decisions/)(\d{4})\b")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
VOID = re.compile(r"(?<!RFC \d{4} )§ ?\d|\b[Ii]ssue (?:\"|#?\d)")
BARE_NAME = re.compile(r"(?<![\w/.#-])(?!README|CONTRIBUTING|CHANGELOG)[\w-]+\.md\b")
MADE_UP = ("nexus_project/demo/", "tests/project/", "tests/store/agent_session.py")


class Reference(NamedTuple):
    """`source` cites `target`, both from the root; `heading` is "" where the document as a whole is meant."""

    source: str
    target: str
    heading: str


def references_in(source: str, text: str) -> Iterator[Reference]:
    folder = (BASE_DIR / source).parent
    if source.endswith(".md"):
        for target, heading in LINK.findall(text):
            path = (folder / target).resolve() if target else BASE_DIR / source
            yield Reference(source, repository.name(path), heading)
    for target, heading in PATH.findall(text):
        yield Reference(source, target, heading)
    for number in DECISION.findall(text):
        found = sorted((BASE_DIR / "docs" / "decisions").glob(f"{number}-*.md"))
        yield Reference(source, repository.name(found[0]) if found else f"decision {number}", "")


def slug(heading: str) -> str:
    """How a heading is called in an address: lower case, without markup and punctuation, spaces as hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def headings(path: Path) -> frozenset[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return frozenset(slug(heading) for heading in HEADING.findall(text))


def leads_somewhere(reference: Reference) -> bool:
    path = BASE_DIR / reference.target
    return path.exists() and (not reference.heading or reference.heading in headings(path))


def texts() -> Iterator[tuple[str, str]]:
    for path in repository.texts():
        if not repository.name(path).startswith(MADE_UP):
            yield repository.name(path), path.read_text("utf-8", "replace")


def test_every_reference_leads_to_a_document_and_its_heading() -> None:
    found = [reference for source, text in texts() for reference in references_in(source, text)]

    assert {name.split("/")[0] for name, _, heading in found if heading} >= {"docs", "proxy", "accounts"}
    assert [reference for reference in found if not leads_somewhere(reference)] == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("docs/api.md", "[x](wire-protocol.md#no-such-heading)"),
        ("docs/api.md", "[x](no-such-page.md)"),
        ("docs/api.md", "[x](#no-such-heading)"),
        ("proxy/batch.py", '"""As docs/wire-protocol.md#no-such-heading says."""'),
        ("proxy/batch.py", "# docs/no-such-page.md"),
        ("proxy/batch.py", "# A batch (docs/no-such-page.md#heading)."),
        ("proxy/batch.py", "# see decision 9999"),
    ],
)
def test_a_reference_into_the_void_is_noticed(source: str, text: str) -> None:
    (reference,) = references_in(source, text)

    assert not leads_somewhere(reference)


def test_every_page_is_reached_in_two_hops_from_the_readme() -> None:
    def linked_from(source: str) -> set[str]:
        text = (BASE_DIR / source).read_text(encoding="utf-8")
        return {target for _, target, _ in references_in(source, text) if target.endswith(".md")}

    first = linked_from("README.md")
    second = {target for page in first for target in linked_from(page)}
    pages = {repository.name(path) for path in (BASE_DIR / "docs").rglob("*.md")}

    assert sorted(pages - first - second) == []


def test_nothing_cites_a_document_that_the_repository_does_not_hold() -> None:
    assert VOID.search("as the predecessor has it (§2.3)")
    assert VOID.search('the order (issue "who pays")')
    assert not VOID.search("a host (RFC 9110 §7.2)")
    found = {name: match[0] for name, text in texts() if (match := VOID.search(text))}

    assert found == {}


def remarks(path: Path) -> Iterator[str]:
    """Comments and docstrings of a module."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_remarks_name_a_document_by_its_path() -> None:
    assert BARE_NAME.search("which headers go up (wire-protocol.md)")
    found = {
        repository.name(path): match[0]
        for path in repository.modules(*PYTHON)
        if not repository.name(path).startswith(MADE_UP)
        for remark in remarks(path)
        if (match := BARE_NAME.search(remark))
    }

    assert found == {}


def test_the_defects_of_the_predecessor_that_tests_name_are_those_of_the_document() -> None:
    page = (BASE_DIR / "docs" / "predecessor.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    named = {
        number
        for path in repository.modules("tests")
        for number in re.findall(r"def test_predecessor_defect_(\d+)_", path.read_text(encoding="utf-8"))
    }

    assert len(listed) == len(set(listed))
    assert set(listed) == named


def test_every_decision_that_code_cites_by_number_is_found() -> None:
    cited = {
        reference.target
        for path in repository.modules(*CODE)
        for reference in references_in(repository.name(path), path.read_text(encoding="utf-8"))
        if "decision" in reference.target
    }

    assert {
        "docs/decisions/0001-relay-is-a-django-view.md",
        "docs/decisions/0021-limits-reserve-and-settle.md",
    } <= cited
