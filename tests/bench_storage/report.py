"""What was measured, as a table for people and as JSON."""

from pathlib import Path

import msgspec

from dashboard.queries.storage import Storage
from tests.bench_storage.feeding import BAR
from tests.bench_storage.measure import Measured


class Report(msgspec.Struct, frozen=True):
    """`ingest_*` are exchanges a second; sizes are bytes by table, over all months."""

    exchanges: int
    seed_seconds: float
    rollups: int
    sizes: dict[str, int]
    reads: list[Measured]
    ingest_empty: float
    ingest_full: float

    @property
    def missed(self) -> list[str]:
        """What is slower than its bar."""
        slow = [read.name for read in self.reads if not read.kept]
        return [*slow, "ingest"] if self.ingest_full < BAR else slow

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.exchanges:,} exchanges, seeded in {self.seed_seconds:,.0f} s, {self.rollups:,} rollups",
                *(f"{name:24}{size / 1024**2:>10,.0f} MiB" for name, size in self.sizes.items()),
                "",
                f"{'milliseconds':32}{'cold':>8}{'p50':>8}{'p95':>8}{'bar':>8}",
                *(_line(read) for read in self.reads),
                "",
                f"ingest, empty: {self.ingest_empty:,.0f} exchanges/s",
                f"ingest, full:  {self.ingest_full:,.0f} exchanges/s (bar {BAR:,.0f})",
                f"missed: {', '.join(self.missed) or 'no bar'}",
            ]
        )


def sizes(storage: Storage) -> dict[str, int]:
    """Bytes on disk by table."""
    found: dict[str, int] = {}
    for month in storage.months:
        for table in month.tables:
            found[table.table] = found.get(table.table, 0) + table.stored_bytes
    return found


def _line(measured: Measured) -> str:
    mark = "" if measured.kept else "  missed"
    return f"{measured.name:32}{measured.cold:>8.1f}{measured.p50:>8.1f}{measured.p95:>8.1f}{measured.bar_ms:>8.0f}{mark}"
