"""Draw where the proxy spends its time under load: `python -m tests.bench.profile --workload burst`."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from nexus_project import env
from nexus_project.stack.errors import StackError
from tests.bench import build
from tests.bench.build import BenchError
from tests.bench.measure import clear_requests, start_load
from tests.bench.system import servers, system, upstream
from tests.bench.workloads import NAMES, chosen

RATE = 500  # samples a second


def main(words: list[str] | None = None) -> int:
    """0 with the picture drawn, 2 if it cannot be here."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("--workload", choices=NAMES, default="small", help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=10, help="default: %(default)s")
    given = parser.parse_args(words)
    path = env.BASE_DIR / "var" / f"profile-{given.workload}.svg"
    try:
        draw(given.workload, given.seconds, path)
    except (BenchError, StackError) as error:
        print(f"nexus: {error}", file=sys.stderr)
        return 2
    print(f"written to {path}: open it in a browser")
    return 0


def draw(name: str, seconds: int, path: Path) -> None:
    """A flame graph of the proxy's process, as SVG; BenchError when py-spy may not look into it."""
    program = _program()
    build.build()
    (workload,) = chosen([name])
    with servers() as server_pids, upstream() as (_, port), system(1, server_pids, port) as started:
        # A second more on each side: the picture is of the load alone.
        load = start_load(started.port, workload, workload.options((seconds + 2) / workload.share))
        try:
            _record(program, started.proxy.popen.pid, seconds, path)
        finally:
            load.kill()
            load.communicate()
            clear_requests()


def _program() -> str:
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if not found:
        raise BenchError(
            "py-spy is not installed: `make setup` brings it (requirements/dev.txt), or pip install py-spy."
        )
    return found


def _record(program: str, pid: int, seconds: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [program, "record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE)]
    done = subprocess.run(
        [*command, "--output", str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if "ermission" in done.stderr:
        raise BenchError(
            "py-spy may not look into the proxy: run this as root, or allow ptrace to your processes."
        )
    if done.returncode:
        raise BenchError(f"py-spy ended with {done.returncode}: {done.stderr.strip()[-400:]}")


if __name__ == "__main__":
    sys.exit(main())
