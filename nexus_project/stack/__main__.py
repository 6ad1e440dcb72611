"""`python -m nexus_project.stack`: the commands behind the Makefile."""

import argparse
import sys
from collections.abc import Sequence

from nexus_project import env
from nexus_project.env import SettingError
from nexus_project.stack import clean, demo, run, run_with_servers
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError

SERVICES = {
    "proxy": "clients, port 3000",
    "dashboard": "analysts, port 3001",
    "worker": "stores",
    "beat": "keeps time",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. Whatever stops it is one sentence on standard error."""
    options = parser().parse_args(arguments)
    try:
        return execute(options)
    except KeyboardInterrupt:
        return 130
    except (StackError, SettingError) as error:
        print(f"nexus: {error}", file=sys.stderr)
    except OSError as error:
        print(f"nexus: {error}; fix that and start again.", file=sys.stderr)
    return 1


def execute(options: argparse.Namespace) -> int:
    console = Console()
    match options.command:
        case "run":
            return run.run(console, run.ALL)
        case "demo":
            return demo.demo(console, once=options.once)
        case "clean":
            env.read_env_file()
            return clean.clean(print, data=options.data)
        case "servers":
            return run_with_servers.run_beside_servers(console, options.argv, temporary=options.temporary)
        case service:
            return run.run(console, [service])


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m nexus_project.stack", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="everything, against the real API")
    showing = commands.add_parser("demo", help="everything, against an emulator, with sample traffic")
    showing.add_argument(
        "--once", action="store_true", help="stop after the samples; status 0 if all were stored"
    )
    for name, purpose in SERVICES.items():
        commands.add_parser(
            name,
            help=f"only the service that {purpose}" if name in {"worker", "beat"} else f"only for {purpose}",
        )
    beside = commands.add_parser(
        "servers", help="run a command beside PostgreSQL and Redis: servers [--temporary] -- COMMAND"
    )
    beside.add_argument("--temporary", action="store_true", help="fresh servers, removed afterwards")
    beside.add_argument("argv", nargs="+", metavar="COMMAND")
    cleaning = commands.add_parser("clean", help="remove what this clone, and clones that are gone, left")
    cleaning.add_argument(
        "--data",
        action="store_true",
        help="this clone's database, Redis and spool as well: all that is below var",
    )
    return root


if __name__ == "__main__":
    sys.exit(main())
