import pytest

from nexus_project import env
from nexus_project.settings import base

KEY = "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    monkeypatch.setattr(env, "_environment", values)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_on_loopback_no_key_is_wanted(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    given(monkeypatch)
    monkeypatch.setattr(base, "HOST", host)

    assert not base.client_auth()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "nexus.example", "localhost.evil.example"])  # noqa: S104
def test_on_any_other_address_the_operator_decides(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(base, "HOST", host)
    given(monkeypatch)
    with pytest.raises(env.SettingError, match="ENABLE_CLIENT_AUTH must be set: true demands"):
        base.client_auth()

    given(monkeypatch, ENABLE_CLIENT_AUTH="false")
    assert not base.client_auth()
    given(monkeypatch, ENABLE_CLIENT_AUTH="true")
    assert base.client_auth()


def test_field_keys_are_checked_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, FIELD_ENCRYPTION_KEYS=f"{KEY}, {KEY}")
    assert base.field_keys() == [KEY, KEY]

    for bad in ("marker", f"{KEY},märker", KEY[:-4]):
        given(monkeypatch, FIELD_ENCRYPTION_KEYS=bad)
        with pytest.raises(env.SettingError, match="no Fernet key; make one with: python -c") as caught:
            base.field_keys()
        assert bad not in str(caught.value)


def test_a_database_wants_field_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch)
    with pytest.raises(env.SettingError, match="FIELD_ENCRYPTION_KEYS is not set"):
        base.field_keys()

    monkeypatch.setattr(base, "DATABASE_URL", "")
    assert base.field_keys() == []
    assert base.database() == {}


def test_the_address_of_the_database_may_set_options_and_hold_any_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "postgresql://nexus:p%40ss%2Fw@db.example:5433/nexus?sslmode=require&connect_timeout=9"
    monkeypatch.setattr(base, "DATABASE_URL", address)

    database = base.database()["default"]

    assert (database["PASSWORD"], database["HOST"], database["PORT"]) == ("p@ss/w", "db.example", 5433)
    assert database["OPTIONS"] == {"sslmode": "require", "connect_timeout": 9, "tcp_user_timeout": 10_000}


@pytest.mark.parametrize(("bodies", "metadata"), [(0, 0), (30, 0), (30, 30), (30, 31)])
def test_metadata_is_kept_as_long_as_bodies(bodies: int, metadata: int) -> None:
    base.check_retention(bodies, metadata)


@pytest.mark.parametrize(("bodies", "metadata", "kept"), [(0, 30, "for ever"), (31, 30, "31 days")])
def test_metadata_that_would_go_before_its_bodies_stops_the_start(
    bodies: int, metadata: int, kept: str
) -> None:
    with pytest.raises(env.SettingError, match=f"RETENTION_METADATA_DAYS=30 .* are kept {kept}; set it to 0"):
        base.check_retention(bodies, metadata)
