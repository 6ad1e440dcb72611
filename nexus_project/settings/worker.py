"""The worker and beat: the dashboard's settings, with the one connection of a process kept from task to task."""

from nexus_project.settings.base import DATABASES as KEPT
from nexus_project.settings.dashboard import *  # noqa: F403

DATABASES = KEPT
