"""What every test builds on."""

import django

from nexus_project import env
from tests import servers

# Not in pyproject.toml: pytest-django would load the settings before the servers have their addresses.
servers.provide()
env.export(DJANGO_SETTINGS_MODULE="nexus_project.settings.test")
django.setup()
