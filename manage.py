#!/usr/bin/env python
"""Django's command line, with the settings of the store unless DJANGO_SETTINGS_MODULE says otherwise.

Where no DATABASE_URL or REDIS_URL is set, the command runs beside the embedded servers of NEXUS_DATA_DIR, as `make run` does.
"""

import sys
from importlib.util import find_spec

from nexus_project import env


def main() -> None:
    """Run one management command."""
    try:
        env.read_env_file()
        held = None
        if not (env.secret("DATABASE_URL") and env.secret("REDIS_URL")) and find_spec("nexus_project.stack"):
            from nexus_project.stack.run_with_servers import (
                hold,  # no part of the images: their settings say what is missing
            )

            held = hold()
    except env.SettingError as error:
        sys.exit(f"nexus: {error}")
    try:
        # `check --deploy` judges what a browser meets.
        env.use_settings(f"nexus_project.settings.{'dashboard' if sys.argv[1:2] == ['check'] else 'store'}")
        from nexus_project import command_line

        command_line.run(sys.argv)
    finally:
        if held:
            held.leave()


if __name__ == "__main__":
    main()
