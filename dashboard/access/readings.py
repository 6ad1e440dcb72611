"""Who read which bodies, for the audit: noted at the doors, after an answer that had any.

An entry that cannot be written does not cost the page: the log has it then, with the same facts.
"""

import logging
from datetime import timedelta

from django.db import Error, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.models import BodyReading
from dashboard.reading import Reader

KEPT = timedelta(days=400)
_LONGEST = 300
_READS = "_nexus_reads_bodies"
# Of an address, what names whose bodies they are; else what is searched for.
_NAMES = ("exchange_id", "conversation_id", "name")
log = logging.getLogger("nexus.audit")


def begin(request: HttpRequest, reader: Reader) -> None:
    """Whoever asks may have bodies: what they are sent from now on counts as read."""
    setattr(request, _READS, reader)


def note(request: HttpRequest, response: HttpResponseBase) -> None:
    """After each view; nothing where no bodies were asked for, or there were none."""
    reader: Reader | None = getattr(request, _READS, None)
    if reader is None or response.status_code != 200:
        return
    what, about = _what(request), _about(request)
    now = timezone.now()
    row = BodyReading(
        at=now,
        hour=now.replace(minute=0, second=0, microsecond=0),
        who=reader.name,
        token=reader.token[:_LONGEST],
        what=what,
        about=about,
    )
    try:
        with transaction.atomic():
            BodyReading.objects.bulk_create([row], ignore_conflicts=True)
    except Error as error:
        log.error(
            "audit.reading_not_written",
            extra={
                "who": reader.name,
                "token": reader.token,
                "what": what,
                "about": about,
                "why": f"{type(error).__name__}: {error}",
            },
        )


def forget_old() -> int:
    """Delete what is older than KEPT; how many there were."""
    deleted, _ = BodyReading.objects.filter(hour__lt=timezone.now() - KEPT).delete()
    return deleted


def _what(request: HttpRequest) -> str:
    """The words of the address without the ids: `request`, `request diff`, `requests raw response`, `search`."""
    ids = {str(value) for value in _values(request).values()}
    words = [word for word in request.path.split("/")[2:] if word and word not in ids]
    return " ".join(words)[:60] or "overview"


def _about(request: HttpRequest) -> str:
    values = _values(request)
    found = [str(values[name]) for name in _NAMES if name in values]
    found += [request.GET[name] for name in ("against", "conversation", "q") if request.GET.get(name)]
    return mask_text(" ".join(found).replace("\x00", ""))[:_LONGEST]


def _values(request: HttpRequest) -> dict[str, object]:
    match = request.resolver_match
    return {name: value for name, value in match.kwargs.items() if name in _NAMES} if match else {}
