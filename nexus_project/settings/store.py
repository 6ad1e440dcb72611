"""Whoever works on the database: what dashboard and commands share, and the worker in part. One connection a process."""

import base64
import binascii

import django_stubs_ext

from nexus_project import env
from nexus_project.settings.base import *  # noqa: F403
from nexus_project.settings.base import DATABASE_URL, REDIS_URL
from nexus_project.settings.signin import *  # noqa: F403

django_stubs_ext.monkeypatch()  # lets classes such as ModelAdmin take their type at run time

for name, value in {
    "SECRET_KEY": env.secret("SECRET_KEY"),
    "DATABASE_URL": DATABASE_URL,
    "REDIS_URL": REDIS_URL,
}.items():
    if not value:
        raise env.SettingError(
            f"{name} is not set, and dashboard, worker and commands need it; `make run` sets all of them up."
        )


def body_keys() -> list[bytes]:
    """Master keys of encrypted bodies: the first encrypts, all decrypt. The proxy needs none of them."""
    how = 'make one with: python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
    try:
        keys = [base64.b64decode(key, validate=True) for key in env.secrets("BODY_ENCRYPTION_KEYS")]
    except (binascii.Error, ValueError) as error:
        raise env.SettingError(f"BODY_ENCRYPTION_KEYS holds a value that is no base64; {how}") from error
    if any(len(key) != 32 for key in keys):
        raise env.SettingError(f"BODY_ENCRYPTION_KEYS holds a key that has not 32 bytes; {how}")
    if BODY_ENCRYPTION and not keys:
        raise env.SettingError(f"BODY_ENCRYPTION is true and BODY_ENCRYPTION_KEYS is not set; {how}")
    return keys


BODY_ENCRYPTION = env.flag("BODY_ENCRYPTION")
BODY_ENCRYPTION_KEYS = body_keys()

# allauth insists on it wherever it has tables.
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
# All apps with tables, which commands migrate.
INSTALLED_APPS = [
    "dashboard",  # before the admin, whose base template it extends
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",  # before accounts, whose admin takes the place of theirs
    "allauth.account",
    "allauth.socialaccount",
    "accounts",
    "proxy.store",
    "nexus_project.operations",
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
OPERATOR_PASSWORD = env.secret("OPERATOR_PASSWORD")
PROXY_DB_PASSWORD = env.secret("PROXY_DB_PASSWORD")
WORKER_DB_PASSWORD = env.secret("WORKER_DB_PASSWORD")
DASHBOARD_DB_PASSWORD = env.secret("DASHBOARD_DB_PASSWORD")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# The admin has tables, and nobody is served it here: what it wants of middleware and templates stands in the dashboard's settings.
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E408", "admin.E409", "admin.E410"]
