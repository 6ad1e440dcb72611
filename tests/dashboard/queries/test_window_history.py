"""Samples as they are read: fine for an hour, by the half hour before that, and no account's for another."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.queries.window_history import history
from proxy.store.models import WindowSample
from proxy.store.sums.window_samples import place_of
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def test_the_last_hour_is_whole_and_of_older_half_hours_the_last_sample_is_read() -> None:
    now = timezone.now()
    moments = [now - timedelta(minutes=5 * index) for index in range(36)]
    with as_owner():
        WindowSample.objects.bulk_create(
            WindowSample(account=account, name="unified-5h", place=place_of(at), at=at, used=0.5)
            for at in moments
            for account in ("one-account", "another")
        )

    found = history(["one-account"], now)

    assert list(found) == [("one-account", "5h")]
    read = [sample.at for sample in found["one-account", "5h"]]
    assert read == sorted(read)
    assert sum(now - at < timedelta(hours=1) for at in read) == 12
    assert sum(now - at >= timedelta(hours=1) for at in read) in (4, 5)
    assert (
        history(["one-account"], now, timedelta(hours=1))["one-account", "5h"]
        == found["one-account", "5h"][-12:]
    )
