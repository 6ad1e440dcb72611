"""The command, with several connections on real transactions."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from proxy.store.models import DomainTotal, Exchange
from tests.roles import OWNER

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database_role(OWNER),
    pytest.mark.usefixtures("prices"),
]


def test_the_command_fills_a_database_with_several_connections_and_tells_how_fast() -> None:
    said = StringIO()

    call_command("seed_traffic", "--exchanges", "900", "--days", "3", "--jobs", "3", stdout=said)

    assert said.getvalue().startswith("900 exchanges over 3 days in ")
    assert Exchange.objects.count() == sum(DomainTotal.objects.values_list("stored", flat=True)) == 900


def test_the_command_refuses_what_makes_no_sense() -> None:
    with pytest.raises(CommandError, match="at least 1") as refused:
        call_command("seed_traffic", "--exchanges", "0")

    assert refused.value.returncode == 2
