"""All exchanges of a filter, part by part, however many there are: no bound of a list ends them early."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Q

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import asked_without_index, found_by_index, is_domain
from proxy.store.models import Exchange

LOOKED_AT = 5_000  # rows a part


def parts(chosen: Filter, columns: Sequence[str], now: datetime) -> Iterator[list[Exchange]]:
    """Newest first, of the last 24 hours without a period. Each part is what the filter leaves of the next LOOKED_AT rows that an
    index finds, so it may be empty. Between two parts nothing runs, and nothing is held.
    """
    chosen = chosen.in_period("24h")
    others = asked_without_index(chosen)
    if chosen.domain and not is_domain(chosen.domain):
        # A part of a name may mean any number of domains, and no index has them all in order.
        others &= Q(domain__contains=chosen.domain)
        chosen = chosen.without("domain")
    ahead = Exchange.objects.newest_first().filter(found_by_index(chosen, now))
    while True:
        last = list(ahead.values_list("id", flat=True)[LOOKED_AT - 1 : LOOKED_AT])
        stretch = ahead.filter(id__gte=last[0]) if last else ahead
        yield list(stretch.filter(others).only(*columns))
        if not last:
            return
        ahead = ahead.filter(id__lt=last[0])
