"""The API is its resources, each by itself."""

import pkgutil
from collections import Counter

from ninja import Router

from dashboard.api import resources
from dashboard.api.registry import RESOURCES, api
from dashboard.api.shapes.errors import ERRORS


def operations() -> list[dict[str, object]]:
    return [
        operation for methods in api.get_openapi_schema()["paths"].values() for operation in methods.values()
    ]


def test_every_resource_is_served_by_its_own_router() -> None:
    there = {f"{resources.__name__}.{module.name}" for module in pkgutil.iter_modules(resources.__path__)}

    assert {resource.__name__ for resource in RESOURCES} == there
    assert all(isinstance(resource.router, Router) for resource in RESOURCES)
    assert len({id(resource.router) for resource in RESOURCES}) == len(RESOURCES)


def test_programs_find_every_operation_under_a_name_of_its_own() -> None:
    names = Counter(operation["operationId"] for operation in operations())

    assert [name for name, count in names.items() if count > 1] == []
    # As they were when all operations stood in one module.
    assert {"dashboard_api_endpoints_stats", "dashboard_api_exporting_export"} <= {*names}


def test_every_operation_says_how_it_refuses() -> None:
    for operation in operations():
        answers = operation["responses"]
        assert isinstance(answers, dict)
        assert {*ERRORS} <= {int(status) for status in answers}
