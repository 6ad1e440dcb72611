"""The suite and the type checker: the dashboard's settings, complete without an environment, and no `.env`.

What is set here goes into the environment, so that the services that a test starts have the same values.
"""

import os

from nexus_project import env

env.export(NEXUS_ENV_FILE=os.devnull, STORAGE_ENABLED="true")
env.assume(
    # tests/servers.py has set the addresses; what only reads the settings (mypy) connects to nothing.
    DATABASE_URL="postgresql://nexus@127.0.0.1:1/nexus",
    REDIS_URL="redis://127.0.0.1:1/0",
    SECRET_KEY="a-key-of-the-suite-" * 3,
    FIELD_ENCRYPTION_KEYS="dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
    DASHBOARD_API_KEY="the-suites-dashboard-key",
)

from nexus_project.settings.dashboard import *  # noqa: E402,F403
from nexus_project.settings.dashboard import DATABASES  # noqa: E402

# Tests take the database away from one thread's connection; a pool would go on with another one.
PAGES_POOL = {}
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A password of a test is no secret, and a slow hash of it takes longer than most tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Nothing leaves loopback, whatever proxy the developer's machine has; installs by npm still find it in the environment.
UPSTREAM_PROXY = HTTPS_PROXY = ""
