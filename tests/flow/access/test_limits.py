"""Limits through real processes: two proxies, a worker, and one Redis between them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
import redis

from accounts.access.limits import domain_scope, redis_key
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from proxy.relay.limits.store import LEASE_SECONDS
from tests.flow.access.test_pool import add, ask
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

ASK = {"model": "claude-sonnet-4-5", "max_tokens": 20, "messages": [{"role": "user", "content": "How much?"}]}
CAP = Decimal("0.01")


@pytest.fixture(scope="module")
def limited(make_nexus: Callable[..., Nexus]) -> Nexus:
    # A Redis that is too busy to answer in time must not let requests pass unchecked.
    return make_nexus(PROXY_WORKERS="2", LIMITS_FAIL_CLOSED="true")


def limit(nexus: Nexus, domain: str, column: str, value: object) -> None:
    nexus.execute(
        "INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji, slack_enabled,"
        " created_at) VALUES (%s, '', '', '', '', true, now())",
        domain,
    )
    nexus.execute(
        f"INSERT INTO accounts_limit (domain_id, {column}, updated_at)"  # noqa: S608 - a name of this file
        " SELECT id, %s, now() FROM accounts_domain WHERE name = %s",
        value,
        domain,
    )
    # Until both processes know it.
    wait_for(lambda: all(send(nexus, domain).status_code == 429 for _ in range(8)), 30)


def send(nexus: Nexus, domain: str, path: str = "/v1/messages", **headers: str) -> httpx.Response:
    return nexus.client(host=domain, **headers).post(path, json=ASK)


def error(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["error"]
    return found


def test_a_hundred_at_once_overshoot_a_cap_by_no_more_than_what_was_under_way(limited: Nexus) -> None:
    limit(limited, "capped.example", "usd_per_day", 0)
    limited.execute("UPDATE accounts_limit SET usd_per_day = %s", CAP)
    wait_for(lambda: send(limited, "capped.example").status_code == 200, 3)

    def ask(number: int) -> httpx.Response:
        return send(limited, "capped.example", **{"x-emulate": "delay-ms=1000"})

    with ThreadPoolExecutor(100) as pool:
        responses = list(pool.map(ask, range(100)))

    passed = [response for response in responses if response.status_code == 200]
    assert 2 < len(passed) < 60
    assert {200, 429} <= {response.status_code for response in responses} <= {200, 429, 503}
    wait_for(lambda: error_type(send(limited, "capped.example")) == "billing_error", 30)
    refused = send(limited, "capped.example")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")
    assert 1 <= int(refused.headers["retry-after"]) <= 24 * 3600
    assert refused.headers["anthropic-ratelimit-unified-overage-period"] == "daily"
    assert "The spend limit of domain capped.example for this day is used up" in error(refused)["message"]
    [sums] = limited.rows(
        "SELECT sum(cost_usd) AS spent, max(cost_usd) AS dearest FROM proxy_exchange WHERE domain = 'capped.example'"
    )
    assert CAP <= sums["spent"] <= CAP + sums["dearest"]


def error_type(response: httpx.Response) -> str:
    return "" if response.status_code == 200 else str(error(response)["type"])


def test_a_rate_is_refused_with_the_time_to_wait_and_recorded(limited: Nexus) -> None:
    limit(limited, "slow.example", "requests_per_minute", 1)

    refused = send(limited, "slow.example")

    assert error(refused)["type"] == "rate_limit_error"
    assert 50 <= int(refused.headers["retry-after"]) <= 60
    row = limited.stored(refused.headers["x-nexus-id"])
    assert (row["outcome"], row["status"], row["error_type"]) == ("refused", 429, "rate_limit_error")
    assert "1 requests per minute" in row["error_message"]
    assert send(limited, "slow.example", "/v1/messages/count_tokens").status_code == 200


@pytest.fixture
def start_beside(limited: Nexus) -> Iterator[Callable[..., Nexus]]:
    """The same system through one more proxy, with settings of its own, which a test may kill."""
    with ExitStack() as ending:

        def start(name: str, **settings: str) -> Nexus:
            data_dir = limited.data_dir / name
            place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), data_dir)
            environment = {**limited.proxy.environment, "NEXUS_DATA_DIR": str(data_dir), **settings}
            proxy = Process(commands.proxy(place), environment, limited.data_dir / f"{name}.log").start()
            ending.callback(proxy.stop)
            return replace(limited, proxy=proxy)

        yield start


@pytest.mark.parametrize(("closed", "status"), [("false", 200), ("true", 503)])
def test_without_redis_requests_pass_or_do_not_as_the_operator_chose(
    limited: Nexus, start_beside: Callable[..., Nexus], closed: str, status: int
) -> None:
    host = f"{closed}.adrift.example"
    limit(limited, host, "requests_per_minute", 1)
    alone = start_beside(f"adrift-{closed}", REDIS_URL="redis://127.0.0.1:1/0", LIMITS_FAIL_CLOSED=closed)

    responses = [send(alone, host) for _ in range(3)]

    assert [response.status_code for response in responses] == [status] * 3
    assert status == 200 or "cannot check the limits" in error(responses[0])["message"]
    assert alone.proxy.words().count("limits.redis_down") == 1


def test_a_pool_of_a_wildcard_keeps_the_wildcards_limit_and_counts_there(limited: Nexus) -> None:
    wild, host = "*.pooled.example", "one.pooled.example"
    keys = ["sk-ant-api03-pooled-1", "sk-ant-api03-pooled-2"]
    add(limited, wild, *keys)
    # Until both processes know it.
    wait_for(lambda: all(set(ask(limited, "early.pooled.example")[1]) <= set(keys) for _ in range(8)), 30)
    limited.stored(send(limited, host).headers["x-nexus-id"])

    assert limited.rows("SELECT 1 FROM proxy_spend WHERE domain = %s", wild)
    assert not limited.rows("SELECT 1 FROM proxy_spend WHERE domain = %s", host)
    limited.execute(
        "INSERT INTO accounts_limit (domain_id, requests_per_minute, updated_at)"
        " SELECT id, 1, now() FROM accounts_domain WHERE name = %s",
        wild,
    )
    wait_for(lambda: all(send(limited, host).status_code == 429 for _ in range(8)), 30)


def passes(nexus: Nexus, domain: str) -> bool:
    return send(nexus, domain).status_code == 200


@pytest.fixture
def store(limited: Nexus) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(limited.proxy.environment["REDIS_URL"], decode_responses=True) as client:
        yield client


def test_a_killed_proxys_slot_is_taken_until_its_lease_ends(
    limited: Nexus, start_beside: Callable[..., Nexus], store: redis.Redis
) -> None:
    beside = start_beside("second")
    host = "narrow.example"
    limit(limited, host, "usd_per_day", 0)
    limited.execute(
        "UPDATE accounts_limit SET usd_per_day = NULL, concurrent_streams = 1"
        " WHERE domain_id = (SELECT id FROM accounts_domain WHERE name = %s)",
        host,
    )
    wait_for(lambda: all(passes(nexus, host) for nexus in [limited, beside] * 8), 5)
    slots = redis_key(domain_scope(host), "streams")
    wait_for(lambda: not store.exists(slots))
    client = beside.client(host=host, **{"x-emulate": "events=500,event-delay-ms=20"})

    with client.stream("POST", "/v1/messages", json={**ASK, "stream": True}) as response:
        fragments = response.iter_raw()
        next(fragments)
        beside.proxy.kill()
        with pytest.raises(httpx.HTTPError):
            list(fragments)

    refused = send(limited, host)
    assert (refused.status_code, error(refused)["type"]) == (429, "rate_limit_error")
    directory: Any = store.zrange(slots, 0, -1, withscores=True)
    [(exchange, ends)] = directory
    left = ends / 1000 - time.time()
    assert exchange == response.headers["x-nexus-id"]
    assert 0 < left <= LEASE_SECONDS
    # Nobody renews it any more: the minute goes by at once.
    store.zincrby(slots, -1000 * left, exchange)
    assert send(limited, host).status_code == 200
