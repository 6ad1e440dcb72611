"""A proxy that starts while PostgreSQL is down serves by what an earlier one kept; without that it is no open door."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from accounts.access import keys
from nexus_project.stack.machine import ports
from tests.flow.access.test_who_pays import add_domain, paid
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

OPEN, REVOKED = ("x-api-key", b"cnp_live_cold"), ("x-api-key", b"cnp_live_gone")


def test_the_last_access_snapshot_serves_a_start_without_the_database(
    make_proxy: Callable[..., Nexus], tmp_path: Path
) -> None:
    nexus = make_proxy(CLAUDE_API_KEY="sk-ant-api03-default")
    add_domain(nexus, "cold.example", "sk-ant-api03-cold")
    nexus.execute(
        "INSERT INTO accounts_clientkey (domain_id, name, owner, digest, hint, created_at, revoked_at)"
        " SELECT id, name, '', key, '', now(), gone FROM accounts_domain,"
        " (VALUES (%s, NULL), (%s, now())) AS given (key, gone) WHERE name = 'cold.example'",
        keys.digest("cnp_live_cold"),
        keys.digest("cnp_live_gone"),
    )
    wait_for(lambda: paid(nexus, "cold.example", OPEN)[0] == 200, 5)
    kept = nexus.data_dir / "var" / "access.snapshot"
    wait_for(lambda: kept.exists() and paid(nexus, "cold.example", REVOKED)[0] == 401, 5)
    # One more round of the watcher has kept what the requests showed.
    before = kept.stat().st_mtime_ns
    add_domain(nexus, "last.example", "sk-ant-api03-last")
    wait_for(lambda: kept.stat().st_mtime_ns != before, 5)
    nexus.proxy.stop()
    nowhere = f"postgresql://nobody:x@127.0.0.1:{ports.free()}/none"
    cold = Process(
        nexus.proxy.service, {**nexus.proxy.environment, "DATABASE_URL": nowhere}, tmp_path / "cold.log"
    )

    cold.start()
    try:
        assert paid(nexus, "cold.example", OPEN) == (200, "sk-ant-api03-cold")
        assert paid(nexus, "cold.example", REVOKED) == (401, None)
        assert paid(nexus, "cold.example") == (401, None)
        assert paid(nexus, "last.example") == (200, "sk-ant-api03-last")
    finally:
        cold.stop()

    assert "access.snapshot_serves" in cold.words()
    assert "sk-ant-" not in cold.words()
    kept.write_bytes(b"damaged")
    alive = replace(cold.service, ready_url=cold.service.ready_url.replace("/ready", "/live"))
    broken = Process(alive, cold.environment, tmp_path / "broken.log").start()
    try:
        assert paid(nexus, "cold.example", OPEN) == (503, None)
        assert paid(nexus, "nobody.example") == (503, None)
    finally:
        broken.stop()
    assert "access.snapshot_unusable" in broken.words()
