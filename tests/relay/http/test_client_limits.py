"""What clients may take before anybody knows them, counted without a network."""

import asyncio
import ipaddress
import resource

import pytest
from pytest_django import Settings

from proxy.relay.http.client_allowance import LEAST_BODY_BYTES, Allowance
from proxy.relay.http.client_limits import ClientLimits, Phase, Reason
from proxy.relay.http.request_body import MAX_BODY_BYTES
from proxy.relay.http.tenant import counted_address


class Watched:
    """A connection that notes when its time was up."""

    def __init__(self) -> None:
        self.times = 0

    def time_is_up(self) -> None:
        self.times += 1


@pytest.fixture(autouse=True)
def bounds(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]
    settings.CLIENT_SILENT_SECONDS = settings.CLIENT_HEAD_SECONDS = settings.CLIENT_BODY_SECONDS = 0.05
    settings.CLIENT_MAX_CONNECTIONS = 3
    settings.CLIENT_MAX_CONNECTIONS_PER_ADDRESS = 2
    settings.UNKNOWN_BODIES_MAX_BYTES = 1_000


def allowance(client: str = "192.0.2.1", watched: Watched | None = None) -> Allowance:
    return Allowance(asyncio.get_running_loop(), watched or Watched(), (client, 5))


async def test_connections_are_counted_by_address_and_in_all() -> None:
    mine = [allowance() for _ in range(3)]
    assert [item.open() for item in mine] == [None, None, Reason.TOO_MANY_OF_ADDRESS]
    other = allowance("192.0.2.2")
    assert other.open() is Reason.TOO_MANY_CONNECTIONS

    for item in (*mine, other):
        item.close()
    again = allowance()
    assert again.open() is None
    again.close()
    assert (again.limits.connections, again.limits._addresses, again.limits._deadlines) == (0, {}, {})


async def test_a_trusted_proxys_requests_are_counted_by_whom_it_names() -> None:
    proxies = [allowance("10.0.0.1") for _ in range(3)]
    assert [proxy.open() for proxy in proxies] == [None] * 3
    named = [(b"x-forwarded-for", b"192.0.2.7")]

    assert [proxy.begin_request(named) for proxy in proxies] == [None, None, Reason.TOO_MANY_OF_ADDRESS]
    for proxy in proxies:
        proxy.end_request()
    assert proxies[0].begin_request(named) is None
    assert [proxy.begin_request([]) for proxy in proxies[1:]] == [None] * 2
    for proxy in proxies:
        proxy.close()
    assert proxies[0].limits._addresses == {}


async def test_an_own_peer_is_not_counted_again_by_what_it_names() -> None:
    direct = allowance()
    direct.open()
    assert direct.begin_request([(b"x-forwarded-for", b"192.0.2.7")]) is None
    assert direct.limits._addresses == {"192.0.2.1": 1}
    direct.close()


async def test_bytes_of_strangers_are_held_until_they_are_known_whole_or_gone() -> None:
    only, two = allowance(), allowance()
    limits = only.limits
    assert (only.hold(600), two.hold(600)) == (None, Reason.TOO_MANY_BYTES)
    only.know()
    assert (only.hold(5_000), two.hold(600), limits.held) == (None, None, 600)
    two.whole()
    only.whole()
    assert (only.hold(2_000), limits.held) == (
        Reason.TOO_MANY_BYTES,
        0,
    )  # the next request is a stranger's again


async def test_of_a_body_that_is_too_large_no_more_counts_than_is_kept(settings: Settings) -> None:
    settings.UNKNOWN_BODIES_MAX_BYTES = MAX_BODY_BYTES
    only = allowance()
    assert only.hold(10 * MAX_BODY_BYTES) is None


async def test_nothing_is_bounded_that_is_set_to_0(settings: Settings) -> None:
    for name in (
        "CLIENT_SILENT_SECONDS",
        "CLIENT_HEAD_SECONDS",
        "CLIENT_BODY_SECONDS",
        "CLIENT_MAX_CONNECTIONS",
        "CLIENT_MAX_CONNECTIONS_PER_ADDRESS",
        "UNKNOWN_BODIES_MAX_BYTES",
    ):
        setattr(settings, name, 0)
    many = [allowance() for _ in range(50)]
    assert {item.open() for item in many} == {None}
    assert many[0].hold(MAX_BODY_BYTES) is None
    assert many[0].limits._deadlines == {}


@pytest.mark.parametrize(("descriptors", "passes"), [(2, 1), (resource.RLIM_INFINITY, 3)])
async def test_descriptors_bound_connections_in_any_case(
    descriptors: int, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    made = [allowance(f"192.0.2.{number}") for number in range(4)]
    assert [record.open() for record in made] == [None] * passes + [Reason.TOO_MANY_CONNECTIONS] * (
        4 - passes
    )


async def test_a_connection_is_told_when_its_time_is_up_and_not_once_it_is_gone() -> None:
    waiting, gone, later = Watched(), Watched(), Watched()
    made = [allowance(watched=item) for item in (waiting, gone)]
    for record in made:
        record.open()
    made[1].close()
    await asyncio.sleep(0.2)
    assert (waiting.times, gone.times) == (1, 0)

    allowance("192.0.2.9", later).open()  # the timer starts anew
    await asyncio.sleep(0.2)
    assert (waiting.times, later.times) == (1, 1)


async def test_time_is_up_for_what_has_not_come_and_was_read() -> None:
    only = allowance()
    only.wait_for(Phase.BODY, 100)
    assert only.overdue(100 + LEAST_BODY_BYTES, read=True) is None
    assert only.overdue(100 + LEAST_BODY_BYTES, read=False) is None
    assert only.overdue(100 + LEAST_BODY_BYTES + 1, read=True) is Reason.SLOW_BODY
    assert only.overdue(0, read=True) is None  # nothing is awaited
    for phase in (Phase.REQUEST, Phase.HEAD):
        only.wait_for(phase, 0)
        assert only.overdue(LEAST_BODY_BYTES, read=True) is phase.value


async def test_refusals_are_summed_up(caplog: pytest.LogCaptureFixture) -> None:
    loop, limits = asyncio.get_running_loop(), ClientLimits()
    limits.log_refused()
    for reason in (Reason.BROKEN, Reason.BROKEN, Reason.SILENT):
        limits.count(loop, reason)
    limits.log_refused()

    [line] = [record for record in caplog.records if record.message == "clients.refused"]
    assert {"broken": 2, "silent": 1, "open": 0, "held_bytes": 0}.items() <= line.__dict__.items()


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.1", b"192.0.2.7", "192.0.2.1"),
        ("10.0.0.1", b"192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", b"", ""),
        ("10.0.0.1", b"made up", ""),
        ("::ffff:10.0.0.1", b"", ""),
        ("2001:db8:1:2:3::4", b"", "2001:db8:1:2::/64"),
        ("10.0.0.1", b"2001:db8:1:2:9::9", "2001:db8:1:2::/64"),
    ],
)
def test_by_whom_a_client_is_counted(peer: str, forwarded: bytes, counted: str) -> None:
    assert counted_address((peer, 5), [(b"x-forwarded-for", forwarded)] if forwarded else []) == counted


def test_without_trusted_proxies_the_peer_is_counted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert counted_address(("10.0.0.1", 5), [(b"x-forwarded-for", b"192.0.2.7")]) == "10.0.0.1"


def test_a_peer_without_an_address_is_not_counted() -> None:
    assert counted_address(None, []) == ""
