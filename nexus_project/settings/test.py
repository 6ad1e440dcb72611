"""The suite and the type checker: the dashboard's settings, complete without an environment."""

from nexus_project import env

env.assume(
    NEXUS_ENV_FILE="/dev/null",
    SECRET_KEY="test-" * 12,
    FIELD_ENCRYPTION_KEYS="dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
    DATABASE_URL="postgres://nexus@127.0.0.1:5432/nexus",
    REDIS_URL="redis://127.0.0.1:6379/0",
    STORAGE_ENABLED="true",
)

from nexus_project.settings.dashboard import *  # noqa: E402,F403
