"""What a proxy process does not load: each megabyte is there once a process, and is asked for before the first stream."""

import json
import subprocess
import sys

from nexus_project import env

CODE = (
    "import json, sys, nexus_project.asgi.proxy; print(json.dumps([n for n, m in sys.modules.items() if m]))"
)
HEAVY = {"celery", "kombu", "amqp", "rich", "pygments", "ninja", "pydantic", "daphne", "yaml"}


def test_the_proxy_loads_neither_celery_nor_a_command_line_nor_the_pages() -> None:
    reported = subprocess.run(
        [sys.executable, "-c", CODE],
        env=env.child_environment({"DJANGO_SETTINGS_MODULE": "nexus_project.settings.proxy"}),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = {name.split(".")[0] for name in json.loads(reported.stdout)}
    assert {"django", "httpx", "aiohttp", "redis"} <= loaded
    assert not loaded & HEAVY
