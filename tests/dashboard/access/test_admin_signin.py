"""Passwords of the admin cannot be guessed fast: not from one address, and not from many for one name."""

from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from accounts import guesses

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def olga() -> User:
    return User.objects.create_superuser("olga", password=PASSWORD)


def sign_in(client: Client, name: str, password: str, address: str = "192.0.2.1") -> Any:
    data = {"username": name, "password": password}
    return client.post("/admin/login/?next=/admin/", data, REMOTE_ADDR=address)


def test_the_right_password_opens_the_admin(client: Client) -> None:
    sign_in(client, "olga", "wrong")

    assert sign_in(client, "olga", PASSWORD).headers["Location"] == "/admin/"


def test_an_address_that_guesses_waits(client: Client) -> None:
    for number in range(guesses.LIMIT):
        sign_in(client, f"user{number}", "wrong")

    refused = sign_in(client, "olga", PASSWORD)
    elsewhere = sign_in(client, "olga", PASSWORD, "192.0.2.2")

    assert b"Wait 5 minutes, then try again." in refused.content
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= guesses.WINDOW_SECONDS
    assert elsewhere.status_code == 302


def test_the_wait_that_is_told_is_the_one_that_is_left(client: Client, real_redis: redis.Redis) -> None:
    for number in range(guesses.LIMIT):
        sign_in(client, f"user{number}", "wrong")
    real_redis.expire(guesses._redis_key("192.0.2.1"), 7)

    refused = sign_in(client, "olga", PASSWORD)

    assert 5 <= int(refused.headers["Retry-After"]) <= 7
    assert b"Wait 1 minute, then try again." in refused.content
    real_redis.delete(guesses._redis_key("192.0.2.1"))
    assert sign_in(client, "olga", PASSWORD).status_code == 302


def test_a_wrong_password_is_asked_for_again(client: Client) -> None:
    refused = sign_in(client, "olga", "wrong")

    assert refused.status_code == 200
    assert "Retry-After" not in refused.headers


def test_a_name_that_is_guessed_from_many_addresses_waits(client: Client) -> None:
    for number in range(guesses.LIMIT):
        sign_in(client, "Olga" if number % 2 else "olga", "wrong", f"192.0.2.{100 + number}")

    refused = sign_in(client, "olga", PASSWORD)
    User.objects.create_superuser("oleg", password=PASSWORD)

    assert b"Wait 5 minutes, then try again." in refused.content
    assert sign_in(client, "oleg", PASSWORD).status_code == 302


def test_what_was_typed_as_a_name_is_not_kept(client: Client, real_redis: redis.Redis) -> None:
    sign_in(client, "my-password-in-the-wrong-field", "wrong")

    assert len(list(real_redis.scan_iter("nexus:signin:*"))) == 2
    assert not list(real_redis.scan_iter("nexus:signin:*my-password*"))
