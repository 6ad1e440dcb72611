"""Health as JSON, without sign-in (shapes: docs/predecessor.md#health)."""

from functools import cache

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

SERVICE = "claude-nexus-dashboard"


class NotMigratedError(Exception):
    """The database lacks migrations: run `manage.py migrate`."""


@cache
def assert_migrated() -> None:
    """Raise NotMigratedError while migrations are missing; once they are in they stay, so that success is remembered."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigratedError


def _database_responds() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The service and its database."""
    connected = _database_responds()
    body = {
        "status": "healthy" if connected else "unhealthy",
        "service": SERVICE,
        "version": settings.VERSION,
        "timestamp": _now(),
        "database": "connected" if connected else "disconnected",
    }
    return JsonResponse(body, status=200 if connected else 503)


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether pages can be served: the database answers and has every migration."""
    try:
        is_ready = _database_responds()
        if is_ready:
            assert_migrated()
    except (DatabaseError, NotMigratedError):
        is_ready = False
    return JsonResponse({"ready": is_ready, "timestamp": _now()}, status=200 if is_ready else 503)


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """That the process answers."""
    return JsonResponse({"alive": True, "timestamp": _now()})
