"""Ask, and take the time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.test import Client

from tests.bench_storage.addresses import Address

RUNS, COLD_RUNS = 50, 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Times in ms; `cold` is the median of the first answers on new connections, the others are of an open one."""

    name: str
    cold: float
    p50: float
    p95: float
    bar_ms: float

    @property
    def kept(self) -> bool:
        return self.p95 <= self.bar_ms


def measure(address: Address, runs: int = RUNS) -> Measured:
    """Ask for an address again and again, with other parameters each time."""
    client = Client(headers={"X-API-Key": settings.DASHBOARD_API_KEY})
    client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})

    def ask() -> None:
        url = address.make()
        response = client.get(url, headers={"HX-Request": "true"} if address.by_htmx else {})
        if response.status_code != 200 and "/raw/" not in url:
            raise RuntimeError(f"{url} answered {response.status_code}")

    return timed(address.name, ask, address.bar_ms, runs)


def timed(name: str, do: Callable[[], object], bar_ms: float, runs: int = RUNS) -> Measured:
    """The times of anything that reads the database."""
    cold = []
    for _ in range(COLD_RUNS):
        connection.close()
        cold.append(_took(do))
    warm = sorted(_took(do) for _ in range(runs))
    return Measured(name, share(sorted(cold), 0.5), share(warm, 0.5), share(warm, 0.95), bar_ms)


def share(ordered: Sequence[float], part: float) -> float:
    """The value below which that part of them lies, by the nearest rank."""
    return ordered[max(0, -int(-len(ordered) * part // 1) - 1)]


def _took(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return (time.perf_counter() - started) * 1000
