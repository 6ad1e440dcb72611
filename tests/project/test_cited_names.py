"""Names of code that documents cite exist.

What stands in backticks in a document, outside of code blocks, is read as a name of code in five forms:

- `Class.member`, by its capital letter: the class is defined in our code, and it or a base of it has that member;
- `app.W001`: a check of Django's that our code has;
- `module.name`: where a Python file of ours is called so, it defines or imports that name;
- `function()`, with or without arguments: a function or class of our code, or a function of the database in a migration;
- `TwoHumps`: an identifier that occurs in our code.

Other dotted words are no names of code: log events (test_documents.py has them) and calls of `log`, names of files and of hosts,
what begins with anything else. A document may also cite the names of other projects that `ELSEWHERE` lists; each of them must be
importable. CHANGELOG.md is not read, as it tells of names that are gone.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import pytest

from nexus_project.env import BASE_DIR
from tests.project import repository
from tests.project.repository import CODE, PYTHON
from tests.project.test_references import FENCE

CODE_SPAN = re.compile(r"`([^`\n]+)`")
DOTTED = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")
CHECK = re.compile(r"[a-z]+\.[EW]\d{3}")
CALL = re.compile(r"([A-Za-z_]\w*)\(.*\)")
# One error or several, with dots of their modules: "Raises DirectoryTaken, or OSError when …".
RAISES = re.compile(r"[Rr]aises ((?:(?:a |an |or |,|\s|[A-Z][\w.]*|[a-z_]+\.[A-Z]\w*)+))")
ERROR = re.compile(r"(?<![\w.])(?:[A-Z]+[a-z0-9]+){2,}")
HUMPS = re.compile(r"[A-Z]+[a-z0-9]+(?:[A-Z]+[a-z0-9]*)+")
FILE = re.compile(r".*\.(?:py|md|json|jsonl|log|yaml|toml|html|js|css|conf|snapshot|key|com|sh|txt)")
EVENT = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \|", re.MULTILINE)
ELSEWHERE = (
    "aiohttp:StreamReader",
    "aiohttp:TCPConnector.connect",
    "aiohttp.client_proto:ResponseHandler",
    "anthropic.resources.messages:Batches.results",
    "hmac:digest",
    "httpx:AsyncBaseTransport",
    "httpx:AsyncClient",
    "msgspec:Raw",
)


class Code:
    """All names of our Python files: by module, by class, and every identifier and text that occurs."""

    def __init__(self) -> None:
        self.modules: dict[str, set[str]] = {}
        self.classes: dict[str, tuple[set[str], set[str]]] = {}  # members and bases
        self.defined: set[str] = set(dir(builtins))
        self.identifiers: set[str] = set()
        self.texts: set[str] = set()
        for path in repository.modules(*PYTHON):
            tree = repository.tree(path)
            self.modules.setdefault(path.stem, set()).update(names_in(tree))
            self._take(tree)
        for path in repository.modules(*CODE):
            nodes = ast.walk(repository.tree(path))
            self.texts.update(str(node.value) for node in nodes if isinstance(node, ast.Constant))

    def _take(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                members, bases = self.classes.setdefault(node.name, (set(), set()))
                members.update(names_in(node))
                bases.update(ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                self.defined.add(node.name)
        self.identifiers.update(names_in(tree))
        self.identifiers.update(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))

    def has_member(self, owner: str, member: str) -> bool:
        members, bases = self.classes.get(owner, (set(), set()))
        return member in members or any(self.has_member(base, member) for base in bases)


def names_in(tree: ast.AST) -> set[str]:
    """What is defined, assigned or imported anywhere below a node."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).rpartition(".")[2])
    return found


@cache
def code() -> Code:
    return Code()


@cache
def elsewhere() -> frozenset[str]:
    """The names of ELSEWHERE in all forms in which a document may write them."""
    forms = [name.replace(":", ".").split(".") for name in ELSEWHERE]
    return frozenset(".".join(parts[start:]) for parts in forms for start in range(len(parts)))


@cache
def database_functions() -> str:
    folders = (BASE_DIR / name for name in ("proxy", "accounts"))
    return "\n".join(
        path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("migrations/*.py")
    )


@cache
def events() -> frozenset[str]:
    return frozenset(EVENT.findall((BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")))


def is_gone(cited: str) -> bool:
    """Whether what stands in backticks is a name of code (see above) that no code has."""
    bare = cited.partition("(")[0]
    if bare in elsewhere() or bare in events() or bare.startswith("log."):
        return False
    if CHECK.fullmatch(cited):
        return cited not in code().texts
    if (dotted := DOTTED.fullmatch(cited)) and not FILE.fullmatch(bare):
        first, member = dotted[1], dotted[2].split(".")[1]
        if first[0].isupper():
            return not code().has_member(first, member)
        return first in code().modules and member not in code().modules[first]
    if CALL.fullmatch(cited):
        return bare not in code().defined and f"FUNCTION {bare}(" not in database_functions()
    return bool(HUMPS.fullmatch(cited)) and cited not in code().identifiers


def cited() -> Iterator[tuple[str, str]]:
    for path in repository.documents():
        if path.name != "CHANGELOG.md":
            for name in CODE_SPAN.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
                yield repository.name(path), name


def test_every_name_of_code_that_a_document_cites_exists() -> None:
    assert sorted({(document, name) for document, name in cited() if is_gone(name)}) == []


@pytest.mark.parametrize(
    "name",
    [
        "Closing.nothing",
        "NoClass.member",
        "Closed.member",
        "facts.nothing",
        "nothing_of_the_kind()",
        "nexus_nothing(month)",
        "NoClassOfOurs",
        "proxy.W999",
    ],
)
def test_a_name_that_is_gone_is_noticed(name: str) -> None:
    assert is_gone(name)


@pytest.mark.parametrize(
    "name",
    [
        "Closing.payment", "facts.read", "nexus_drop_month(month, part)", "RelayHandler.get_response_async", "ASGIHandler",
        "api.anthropic.com", "access.snapshot", "spool.dropped", "x-api-key", "make test", "Host", "proxy.W001",
    ],
)  # fmt: skip
def test_what_exists_or_is_no_name_of_code_passes(name: str) -> None:
    assert not is_gone(name)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_defined_elsewhere_is_there(name: str) -> None:
    assert resolve_name(name)


def raised(path: Path) -> set[str]:
    """The errors that docstrings of a module say are raised."""
    found: set[str] = set()
    for node in ast.walk(repository.tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for said in RAISES.findall(ast.get_docstring(node) or ""):
                found |= set(ERROR.findall(said))
    return found


def test_every_error_that_a_docstring_names_exists() -> None:
    nodes = [node for path in repository.modules(*CODE) for node in ast.walk(repository.tree(path))]
    known = code().identifiers | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    missing = {
        (repository.name(path), name) for path in repository.modules(*CODE) for name in raised(path) - known
    }

    assert len(set().union(*map(raised, repository.modules(*CODE)))) > 20
    assert missing == set()
