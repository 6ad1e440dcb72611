"""A local emulator of the Anthropic API: the demo's upstream, and the test suite's.

Read `app`, then `endpoints` for what it serves, `api` for the manners of the API, `model` for what is said.
"""

from nexus_project.demo.emulator.app import Emulator, create_app
from nexus_project.demo.script import Script

__all__ = ["Emulator", "Script", "create_app"]
