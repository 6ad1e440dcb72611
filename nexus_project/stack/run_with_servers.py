"""`servers -- command`: any command beside the embedded servers, DATABASE_URL and REDIS_URL set."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from nexus_project import env
from nexus_project.stack import environment
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders, owned_folders
from nexus_project.stack.servers.lease import Lease


def run_beside_servers(console: Console, command: Sequence[str], *, temporary: bool) -> int:
    """The command's exit status; `temporary` gives it fresh servers in a folder that goes afterwards."""
    if temporary:
        data_dir = owned_folders.make_temporary(owned_folders.DATA)
        env.export(NEXUS_ENV_FILE=os.devnull, NEXUS_DATA_DIR=str(data_dir))
    else:
        environment.read_env(console)
        data_dir = folders.make_data_folder(env.folder("NEXUS_DATA_DIR", "var"))
    held = environment.servers(data_dir, temporary=temporary)
    try:
        # It holds the lease too: if this process is killed, the servers stay until the command has ended.
        child = subprocess.Popen(command, pass_fds=[held.fileno()] if held else [])
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error.strerror}.") from error
    else:
        return _wait(child)
    finally:
        if held:
            held.leave()


def hold() -> Lease | None:
    """The embedded servers for this very process, their addresses set; None when both are given. Exits with a sentence."""
    console = Console(sys.stderr)  # standard output is the command's own
    try:
        environment.read_env(console)
        return environment.servers(folders.make_data_folder(env.folder("NEXUS_DATA_DIR", "var")))
    except (StackError, OSError) as error:
        sys.exit(f"nexus: {error}")


def _wait(child: subprocess.Popen[bytes]) -> int:
    # Ctrl-C reaches the command by itself, as it shares the terminal; SIGTERM does not.
    before = (
        signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
    )
    try:
        status = child.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    return status if status >= 0 else 128 - status
