"""What the documents name exists, and what they have to name is in them."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.urls import Resolver404, URLPattern, get_resolver

from accounts.oauth import metrics
from dashboard.api.registry import api
from nexus_project.env import BASE_DIR
from nexus_project.operations.grants import TABLES
from nexus_project.urls import proxy
from proxy.wire.errors import ErrorKind
from tests.project import repository
from tests.project.repository import CODE

ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
API = (BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
OPERATIONS = (BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
DEBUGGING = {"request", "answer", "chunk"}  # proxy.relay.capture.debug: what passes, not what happened


def test_every_test_that_a_document_names_exists() -> None:
    named = {
        name
        for document in repository.documents()
        for name in re.findall(r"`(test_[a-z0-9_]+)`", document.read_text(encoding="utf-8"))
    }
    existing = {
        node.name
        for path in repository.modules("tests")
        for node in ast.walk(repository.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert named
    assert named - existing == set()


def test_every_decision_has_its_own_number() -> None:
    decisions = sorted((BASE_DIR / "docs" / "decisions").glob("*.md"))

    assert [path.name[:4] for path in decisions] == [
        f"{number:04}" for number in range(1, len(decisions) + 1)
    ]


@pytest.mark.parametrize("heading", ["**Context.**", "**Decision.**", "**What we gave up.**"])
def test_every_decision_says_what_it_has_to(heading: str) -> None:
    decisions = (BASE_DIR / "docs" / "decisions").glob("*.md")

    assert [path.name for path in decisions if heading not in path.read_text(encoding="utf-8")] == []


def events() -> Iterator[str]:
    """The first argument of every call of a logger named `log`; what is no constant shows as its code."""
    for path in repository.modules(*CODE):
        for node in ast.walk(repository.tree(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if ast.unparse(node.func.value) == "log" and node.func.attr in LEVELS:
                event = node.args[0]
                yield str(event.value) if isinstance(event, ast.Constant) else ast.unparse(event)


def test_every_log_event_is_documented_and_every_documented_one_exists() -> None:
    documented = {name for name in ROW.findall(OPERATIONS) if re.fullmatch(r"[a-z_]+\.[a-z_]+", name)}

    assert set(events()) - DEBUGGING == documented
    assert [name for name in DEBUGGING if f"`{name}`" not in OPERATIONS] == []


def answered_by_the_proxy(path: str) -> URLPattern | None:
    """The line of nexus_project/urls/proxy.py that answers a path."""
    found = [line for line in proxy.urlpatterns if line.resolve(path.removeprefix("/"))]
    return found[0] if found else None


def test_every_path_of_the_proxy_is_documented_and_every_documented_one_is_answered() -> None:
    table = API.partition("## The proxy")[2].partition("**Forwarding.**")[0]
    paths = ROW.findall(table)

    assert {answered_by_the_proxy(path) for path in paths} == set(proxy.urlpatterns)


def test_every_table_is_on_the_map() -> None:
    page = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("\n## Tables\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert sorted(listed) == sorted(
        name for name in TABLES if name.startswith(("proxy_", "accounts_", "dashboard_"))
    )


def test_every_error_of_the_proxy_is_documented_with_its_status_and_type() -> None:
    table = (
        (BASE_DIR / "docs" / "wire-protocol.md").read_text(encoding="utf-8").partition("| status | type |")[2]
    )
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", table, re.MULTILINE)
    documented = {(int(status), kind) for status, kinds in rows for kind in re.findall(r"`(\w+)`", kinds)}

    assert documented == {(kind.status, kind.type) for kind in ErrorKind}


def test_every_path_and_parameter_of_the_openapi_document_is_documented() -> None:
    described = api.get_openapi_schema()["paths"]
    documented = {
        name for name in ROW.findall(API) if name.startswith("/api/") and not answered_by_the_proxy(name)
    }
    parameters = {
        parameter["name"]
        for methods in described.values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
    }

    assert documented == set(described)
    assert [name for name in parameters if f"`{name}`" not in API and f"{{{name}}}" not in API] == []


def test_every_count_of_oauth_metrics_is_documented() -> None:
    section = API.partition("**`/oauth-metrics`**")[2].partition("**`/token-stats`**")[0]

    assert [name for name in metrics.NAMES if f"`{name}`" not in section] == []


def test_every_documented_path_of_the_api_is_one_of_the_dashboard() -> None:
    for path in re.findall(r"`(/(?:api/docs|api/openapi.json|health(?:/\w+)?))`", API):
        try:
            get_resolver("nexus_project.urls.dashboard").resolve(path)
        except Resolver404:
            pytest.fail(f"the dashboard has no {path}")


def test_every_field_of_the_api_is_documented() -> None:
    shapes = api.get_openapi_schema()["components"]["schemas"].values()
    fields = {name for shape in shapes for name in shape.get("properties", ())}

    assert "requestId" in fields
    assert sorted(name for name in fields if f"`{name}`" not in API and f'"{name}"' not in API) == []


def test_every_target_of_make_is_named_for_contributors() -> None:
    declared = re.search(
        r"^\.PHONY: (.*)$", (BASE_DIR / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    text = (BASE_DIR / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert declared
    assert [target for target in declared[1].split() if f"`{target}`" not in text] == []


def test_recipes_for_redis_are_commands_that_work_on_embedded_servers_too() -> None:
    """There is no redis-cli beside an embedded server, and its address is known to Nexus alone."""
    found = [
        repository.name(path) for path in repository.documents() if "`redis-cli" in path.read_text("utf-8")
    ]

    assert [name for name in found if name != "CHANGELOG.md"] == []


def test_no_command_of_the_documents_writes_a_secret_that_others_may_read() -> None:
    writes = re.compile(r"^.* >+ ?\S*(?:credentials[./]\S*|\.key)\b.*$", re.MULTILINE)
    lines = [
        line for path in repository.documents() for line in writes.findall(path.read_text(encoding="utf-8"))
    ]

    assert lines
    assert [line for line in lines if "umask 077" not in line] == []
