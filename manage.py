#!/usr/bin/env python
"""Django's command line, with the dashboard's settings unless DJANGO_SETTINGS_MODULE says otherwise."""

import sys

from nexus_project import env


def main() -> None:
    """Run one management command."""
    env.use_settings("nexus_project.settings.dashboard")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
