"""The suite: the dashboard's settings, with storage on, keys that are nobody's and no `.env`."""

import os
import secrets

from cryptography.fernet import Fernet

from nexus_project import env

# Into the environment, so that the services that a test starts have the same ones.
env.export(
    # tests/servers.py has set these; what only reads the settings (mypy) connects to nothing.
    DATABASE_URL=env.secret("DATABASE_URL") or "postgresql://nexus@127.0.0.1:1/nexus",
    REDIS_URL=env.secret("REDIS_URL") or "redis://127.0.0.1:1/0",
    NEXUS_ENV_FILE=os.devnull,
    SECRET_KEY=env.secret("SECRET_KEY") or secrets.token_urlsafe(48),
    DASHBOARD_API_KEY=env.secret("DASHBOARD_API_KEY") or secrets.token_urlsafe(24),
    FIELD_ENCRYPTION_KEYS=env.secret("FIELD_ENCRYPTION_KEYS") or Fernet.generate_key().decode(),
)

from nexus_project.settings.dashboard import *  # noqa: E402, F403 - reads what has just been set

STORAGE_ENABLED = True
