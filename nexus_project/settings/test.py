"""The suite: the dashboard's settings, with storage on and keys that are nobody's."""

from nexus_project.settings.dashboard import *  # noqa: F403

STORAGE_ENABLED = True
