"""Nothing is read past the one place that narrows, and each page and resource says whether it narrows."""

import ast

from dashboard.api import registry as api_registry
from dashboard.pages import registry as page_registry
from nexus_project.env import BASE_DIR
from tests.project import repository

# What asks tables of its own, and no traffic.
_OF_ACCESS = ("dashboard/access", "dashboard/admin", "dashboard/management", "dashboard/migrations")
_OTHERS = {
    "dashboard/queries/narrowed.py",  # which domains there are
    "dashboard/pages/context.py",  # the credentials that wait, for who sees all
    "dashboard/audit/values.py",  # a row that is saved, as it was
    "dashboard/pages/invitation/view.py",  # who comes with an invitation reads nothing yet
    "dashboard/pages/overview/welcome.py",  # what the reader put away
    "dashboard/pages/saved_views.py",  # the reader's own
    "dashboard/templatetags/saved_views.py",  # and shared ones, for who sees all
}


def test_each_page_says_whether_it_narrows() -> None:
    closed = [page.name for page in page_registry.PAGES if page.permission and not page.is_narrowed]

    assert sorted(closed) == ["accounts", "audit", "health"]


def test_each_resource_says_whether_it_narrows() -> None:
    closed = {resource.__name__.rpartition(".")[2] for resource in api_registry.OF_ALL_DOMAINS}

    assert closed == {"accounts", "audit", "pipeline", "storage"}
    assert len({resource.__name__ for resource in api_registry.RESOURCES}) == len(api_registry.RESOURCES)


def test_no_table_is_asked_past_the_place_that_narrows() -> None:
    asks = {
        f"{repository.name(path)}:{node.lineno}"
        for path in repository.modules("dashboard")
        if not repository.name(path).startswith(_OF_ACCESS) and repository.name(path) not in _OTHERS
        for node in ast.walk(repository.tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}
    }

    assert asks == set()


def test_no_module_but_queries_writes_sql_of_its_own() -> None:
    """A statement of its own would be narrowed by nobody; `counts` joins querysets that were."""
    folder = BASE_DIR / "dashboard"
    writes = {
        repository.name(path)
        for path in folder.rglob("*.py")
        if "migrations" not in path.parts and ".cursor()" in path.read_text()
    }

    assert writes == {
        "dashboard/access/sessions.py",
        "dashboard/api/health.py",
        "dashboard/pages/health/running.py",  # of PostgreSQL itself; closed to who is bound
        "dashboard/queries/sums/conversation_hours.py",
        "dashboard/queries/sums/counts.py",
    }
