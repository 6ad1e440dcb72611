"""How a process keeps its connections to the database: the dashboard in a pool, every other one the one that it has."""

import subprocess
import sys

import pytest

from nexus_project import env

TELL = (
    "; from django.conf import settings; one = settings.DATABASES['default']"
    "; print(one['CONN_MAX_AGE'], 'pool' in one['OPTIONS'])"
)
START = "from nexus_project import env; env.use_settings('nexus_project.settings.dashboard')"


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("import nexus_project.asgi.dashboard", "0 True"),
        ("import nexus_project.celery", "None False"),
        (f"{START}; import nexus_project.command_line", "None False"),
    ],
)
def test_the_dashboard_alone_has_a_pool(code: str, kept: str) -> None:
    reported = subprocess.run(
        [sys.executable, "-c", code + TELL],
        env=env.child_environment({"DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard"}),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    assert reported.stdout == f"{kept}\n"
