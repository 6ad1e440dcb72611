"""What every test builds on."""

import signal

import django
import hypothesis

from nexus_project import env
from tests import servers

# A suite that is ended from outside stops the services that it started, as after Ctrl-C.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# How long one example takes depends on what else the machine does.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

# Not in pyproject.toml: pytest-django would load the settings before the servers have their addresses.
servers.provide()
env.export(DJANGO_SETTINGS_MODULE="nexus_project.settings.test")
django.setup()
