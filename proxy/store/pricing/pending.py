"""Whether stored exchanges are to be priced again: their rule is older, or a price changed since that was last done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, Subquery, Value
from django.db.models.functions import Coalesce

from proxy.store.models import DayRollup, Exchange, Price, Repricing
from proxy.store.pricing import costs
from proxy.wire.billing.price_book import names_of

# As the index `exchange_older_rule` says it.
OLDER_RULE = Q(price_rule__lt=costs.RULE, usage__isnull=False)

ACTION = "Run `manage.py reprice`."
_NAMED = 6
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pending:
    """What `manage.py reprice` would do: exchanges of an older rule, and those of `models`, whose prices changed."""

    older_rule: bool
    models: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.older_rule or bool(self.models)

    @property
    def why(self) -> str:
        """What changed since costs were computed."""
        reasons = ["some were priced by an earlier version's rule"] if self.older_rule else []
        if self.models:
            reasons.append(f"prices changed of {named(self.models)}")
        return "; ".join(reasons)

    @property
    def sentence(self) -> str:
        """As a sentence."""
        return f"Costs of stored requests are out of date: {self.why}."

    @property
    def words(self) -> str:
        """The same, with what to do."""
        return f"{self.sentence} {ACTION}"


def named(models: Sequence[str]) -> str:
    """The first few models by name, and how many more there are."""
    more = len(models) - _NAMED
    return ", ".join(models[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def pending() -> Pending:
    """What is left to be priced again."""
    return Pending(Exchange.objects.filter(OLDER_RULE).exists(), tuple(models()))


def models() -> list[str]:
    """The models that were billed and whose price changed since the last whole run of `reprice`."""
    last = Subquery(Repricing.objects.order_by("-began_at").values("began_at")[:1])
    changed = Price.objects.filter(changed_at__gt=Coalesce(last, Value(_NEVER)))
    names = {name for row in changed.only("model", "aliases") for name in (row.model, *row.aliases)}
    if not names:
        return []
    billed = DayRollup.objects.exclude(model="").values_list("model", flat=True).distinct()
    return sorted(model for model in billed if not names.isdisjoint(names_of(model)))
