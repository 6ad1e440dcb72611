import json
from uuid import uuid4

from pytest_django import Settings

from accounts.credentials import health as credential_health
from accounts.credentials.health import Health


def test_what_proxies_told_is_read_and_a_cool_down_can_be_ended() -> None:
    key, other = f"database:{uuid4()}", f"database:{uuid4()}"
    hash_of, gauges = credential_health.name_of(key), json.dumps({"unified-5h": [0.4, 900]})
    for name, value in (("cooling_until", "200.5"), ("cooling_reason", "429"), ("gauges", gauges)):
        credential_health.connection().hset(hash_of, name, value)

    found = credential_health.read([key, other])
    credential_health.reset([key])

    assert found == {key: Health(200.5, "429", {"unified-5h": (0.4, 900)}), other: Health()}
    assert (found[key].is_cooling(200), found[key].is_cooling(201)) == (True, False)
    assert credential_health.read([key])[key] == Health(gauges={"unified-5h": (0.4, 900)})


def test_without_redis_nothing_is_known(settings: Settings) -> None:
    settings.REDIS_URL = ""

    assert credential_health.read(["database:1"]) == {"database:1": Health()}
