"""What the proxy's process does not carry: memory that each of its processes would hold for nothing."""

import json
import subprocess
import sys

from nexus_project.env import BASE_DIR

# structlog and twisted were 4 MiB for the form of a log line; the rest is the dashboard's and the worker's.
ABSENT = {
    "structlog",
    "twisted",
    "zope",
    "ninja",
    "pydantic",
    "pyarrow",
    "markdown_it",
    "daphne",
    "whitenoise",
    "allauth",
    "requests",
    "jwt",
}
LOADED = "import json, sys, nexus_project.asgi.proxy; print(json.dumps([*sys.modules]))"
SETTINGS = {
    "NEXUS_ENV_FILE": "/dev/null",
    "DATABASE_URL": "postgresql://nexus@127.0.0.1:1/nexus",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "FIELD_ENCRYPTION_KEYS": "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
}


def test_the_proxy_imports_nothing_that_only_others_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env=SETTINGS, cwd=BASE_DIR, check=True, stdout=subprocess.PIPE
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert "aiohttp" in loaded
    assert loaded & ABSENT == set()
    others = ("proxy.store", "dashboard", "django.contrib.admin")
    assert not {name for name in json.loads(done.stdout) if name.startswith(others)}
