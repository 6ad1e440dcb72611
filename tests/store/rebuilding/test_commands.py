"""What `rebuild_rollups` and `reprice` print, and how they end."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, Rollup, Spend
from proxy.store.rebuilding.alone import Busy
from tests import people
from tests.roles import OWNER
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]


def run(name: str, *arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def take_in(*models: str) -> None:
    ingest.ingest(make_batch(*(make_record(ask(model="fast"), say(model=model)) for model in models)))


def test_right_sums_are_told_as_right() -> None:
    take_in("claude-haiku-4-5")

    assert run("rebuild_rollups", "--dry-run") == ("All sums are those of the stored exchanges.\n", 0)


def test_a_dry_run_that_finds_something_ends_with_one_and_a_run_that_mends_it_with_none() -> None:
    take_in("claude-haiku-4-5")
    Rollup.objects.update(requests=4)
    Spend.objects.update(cost_usd=1)

    reported, code = run("rebuild_rollups", "--dry-run")
    done, then = run("rebuild_rollups")

    assert (code, then) == (1, 0)
    assert "2026-11-20 12:00: requests -3\n" in reported
    assert "spent on 2026-11-20: cost_usd -0.999965\n" in reported
    assert (
        "1 hours, the totals of 0 domains and the spending of 1 days differ; run it without --dry-run to fix them."
        in reported
    )
    assert "were fixed" in done
    assert run("rebuild_rollups", "--dry-run")[1] == 0


def test_differences_come_as_json_with_what_was_left_alone(settings: Settings) -> None:
    take_in("claude-haiku-4-5")
    Rollup.objects.update(cost_usd=1)
    settings.STORAGE_ENABLED = False
    ingest.ingest(make_batch(make_record(head=make_head(datetime(2026, 11, 21, 7, tzinfo=UTC)))))

    found = json.loads(run("rebuild_rollups", "--json")[0])

    assert found["hours"] == [
        {"of": "2026-11-20T12:00:00+00:00", "rows": 1, "sums": {"cost_usd": "-0.999965"}}
    ]
    assert found["storage_off"] == ["2026-11-21T07:00:00+00:00"]
    assert found["dropped_months"] == []


def test_what_is_left_alone_is_told(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False
    take_in("claude-haiku-4-5")

    assert "Left alone (counted while storage was off): 2026-11-20 12:00\n" in run("rebuild_rollups")[0]


def test_since_and_until_are_hours_in_utc_unless_they_say_otherwise() -> None:
    take_in("claude-haiku-4-5")
    for table in (Rollup, DomainTotal):
        table.objects.update(input_tokens=4)

    assert run("rebuild_rollups", "--dry-run", "--since", "2026-11-20T13:00")[1] == 0
    assert run("rebuild_rollups", "--dry-run", "--until", "2026-11-20T12:59")[1] == 0
    assert (
        run("rebuild_rollups", "--dry-run", "--since", "2026-11-20T18:29+05:30", "--until", "2026-11-21")[1]
        == 1
    )


@pytest.mark.parametrize("command", ["rebuild_rollups", "reprice"])
def test_a_moment_that_is_none_says_how_to_write_one(command: str) -> None:
    with pytest.raises(CommandError, match="write 2026-11-01 or"):
        call_command(command, "--since", "yesterday")


def test_a_rebuild_beside_another_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*arguments: Any) -> None:
        raise Busy

    monkeypatch.setattr("proxy.store.management.commands.rebuild_rollups.rebuild", busy)

    with pytest.raises(CommandError, match="wait for its end"):
        call_command("rebuild_rollups")


def test_reprice_tells_what_changed_and_which_models_still_lack_a_price() -> None:
    take_in("claude-next-1", "claude-next-2", "claude-next-2")
    people.make_price("claude-next-1")

    reported, code = run("reprice", "--dry-run")
    done, then = run("reprice")

    assert (code, then) == (1, 1)
    assert "3 exchanges computed, 1 would get another cost, USD +0.000105 in all." in reported
    assert "3 exchanges computed, 1 got another cost, USD +0.000105 in all." in done
    assert "claude-next-1: USD 0 -> 0.000105" in done
    assert "claude-next-1 has a price now." in done
    assert "2 stay unpriced: claude-next-2 has no price for their time" in done


def test_reprice_ends_with_none_when_all_have_a_price() -> None:
    take_in("claude-next-1")
    people.make_price("claude-next-1")

    reported, code = run("reprice", "--json")

    assert code == 0
    assert json.loads(reported) == {
        "seen": 1,
        "changed": 1,
        "cost_usd": "0.000105",
        "still_unpriced": {},
        "closed": ["claude-next-1"],
        "models": {"claude-next-1": ["0", "0.000105"]},
    }


def test_an_interrupted_reprice_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("proxy.store.management.commands.reprice.reprice", interrupted)

    with pytest.raises(CommandError, match="run it again to go on") as caught:
        call_command("reprice")
    assert caught.value.returncode == 130


def test_the_bar_of_reprice_knows_its_end_where_the_counters_tell_it(prices: None) -> None:
    take_in("claude-haiku-4-5")

    assert reprice.at_most(reprice.Asked(everything=True)) == 1
    assert (
        reprice.at_most(reprice.Asked()) is reprice.at_most(reprice.Asked(model="x", everything=True)) is None
    )
    Exchange.objects.update(price_rule=0)
    assert reprice.at_most(reprice.Asked()) == 1


def test_all_and_unpriced_exclude_each_other() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("reprice", "--all", "--unpriced")
