"""Worker and beat: they store, notify and drop by month, and serve nothing."""

from nexus_project.settings.store import *  # noqa: F403

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "accounts", "proxy.store"]
MIDDLEWARE = []  # serves nothing, and has no tables of allauth
