"""The soak in little, and one workload of the bench, as `make` starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nexus_project import env
from nexus_project.stack.supervision.addresses import NAMES

# The suite's own servers stay out of it: both tools start theirs.
OWN = dict.fromkeys((*NAMES, "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"), "")


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        env=env.child_environment({**OWN}),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=450,
    )


@pytest.mark.slow
@pytest.mark.timeout(500)  # half a minute; on a machine that has other things to do it may take longer
def test_memory_and_descriptors_stay_flat_and_what_was_accepted_is_stored() -> None:
    done = tool("tests.bench.soak", "--minutes", str(20 / 60))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_one_workload_is_measured_and_all_of_it_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"

    done = tool(
        "tests.bench",
        *(["--only", "small", "--seconds", "0.5", "--no-bars", "--rounds", "1", "--json"]),
        str(path),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    runs = {run["target"]: run for run in json.loads(path.read_text())["runs"]}
    assert {"direct", "nexus", "nexus, storage off"} <= set(runs)
    assert all(run["load"]["done"] > 0 and run["load"]["failed"] == 0 for run in runs.values())
    assert runs["nexus"]["stored"] == runs["nexus"]["accepted"] > 0
    assert runs["nexus"]["proxy_cpu"] > 0


def test_an_unknown_workload_is_refused_with_the_known_ones() -> None:
    done = tool("tests.bench", "--only", "smal")

    assert done.returncode == 2
    assert "smal is none of small, burst" in done.stderr
