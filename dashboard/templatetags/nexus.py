"""Numbers, times and money as people read them, in the formats of docs/predecessor.md#dashboard."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.secrets.masking import mask_text
from proxy.metrics import BILLED, BY_NAME, Unit

register = template.Library()
_TOKENS = [BY_NAME[name] for name in BILLED if BY_NAME[name].unit is Unit.TOKENS]
NOTHING = "–"  # noqa: RUF001 - an en dash stands for a number that is not known


@register.simple_tag(takes_context=True)
def only(context: template.Context, name: str, value: object, text: object = None) -> SafeString:
    """A value of a table, which adds itself to the filter of the page where that has such a field."""
    shown = value if text is None else text
    query = context["bar"].adding(name, str(value)) if "bar" in context else ""
    return (
        format_html('<a class="only" href="?{}">{}</a>', query, shown) if query else format_html("{}", shown)
    )


@register.filter
def grouped(value: int | Decimal | None) -> str:
    """1,234,567."""
    return NOTHING if value is None else f"{value:,.0f}"


@register.filter
def tokens(row: object) -> str:
    """1,234 input, 56 output, …: all that is known in tokens of a request or a session."""
    counts = ((metric, getattr(row, metric.name)) for metric in _TOKENS)
    return ", ".join(f"{count:,} {metric.label.lower()}" for metric, count in counts if count is not None)


@register.filter
def compact(value: int | Decimal | None) -> str:
    """1.2K, 3.4M; below a thousand as it is."""
    if value is None:
        return NOTHING
    number = float(value)
    for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        # 999,950 rounds to 1.0M, not to 1000.0K.
        if number >= size * 0.99995:
            return f"{number / size:.1f}{unit}"
    return f"{number:g}"


@register.filter
def usd(value: Decimal | None) -> str:
    """$1,234.56; small amounts keep four decimals, and what is not zero never looks like zero."""
    if value is None:
        return NOTHING
    if value == 0:
        return "$0.00"
    if value < Decimal("0.0001"):
        return "<$0.0001"
    return f"${value:,.4f}" if value < 1 else f"${value:,.2f}"


@register.filter
def percent(share: float | None) -> str:
    """94 %; of what is not quite all, never 100 %."""
    if share is None:
        return NOTHING
    return f"{min(round(share * 100), 99 if share < 1 else 100)} %"


@register.filter
def hundredths(share: float) -> str:
    """A share as a width of 100, for drawings."""
    return f"{share * 100:.1f}"


@register.filter
def exact(value: Decimal | None) -> str:
    """1,234.000056: every digit, and no zeros at the end."""
    return NOTHING if value is None else f"{value.normalize():,f}"


@register.filter
def masked(value: str) -> str:
    """Without the credentials in it."""
    return mask_text(value)


@register.filter
def code(sentence: str) -> SafeString:
    """A sentence with what stands in backticks as code."""
    parts = sentence.split("`")
    return format_html_join(
        "",
        "{}",
        (
            [format_html("<code>{}</code>" if position % 2 else "{}", part)]
            for position, part in enumerate(parts)
        ),
    )


@register.filter
def duration(milliseconds: float | None) -> str:
    """850 ms, 2.4 s, 3m 12s, 2h 5m."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


@register.filter
def size(count: int | None) -> str:
    """1.5 KB."""
    return NOTHING if count is None else filesizeformat(count).replace("\xa0", " ")


@register.filter
def local(moment: datetime) -> str:
    """The time in REPORTING_TIME_ZONE."""
    return f"{moment.astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE)):%Y-%m-%d %H:%M:%S}"


@register.filter
def clock(moment: datetime) -> str:
    """The time of day in REPORTING_TIME_ZONE."""
    return f"{moment.astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE)):%H:%M:%S}"


@register.filter
def ago(moment: datetime) -> SafeString:
    """Just now, 5m ago, 3h ago, then the date; the exact time on hover and for machines."""
    shown = _relative(moment, timezone.now())
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), local(moment), shown)


@register.filter
def moment(moment: datetime) -> SafeString:
    """14:05:12, of another day 29 Nov 14:05:12; on hover how long ago, and the date."""
    zone, now = ZoneInfo(settings.REPORTING_TIME_ZONE), timezone.now()
    here = moment.astimezone(zone)
    shown = f"{here:%H:%M:%S}" if here.date() == now.astimezone(zone).date() else f"{here:%d %b %H:%M:%S}"
    title = f"{_relative(moment, now)}, {local(moment)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), title, shown)


@register.filter
def date_input(moment: datetime, zone: ZoneInfo) -> str:
    """The value of an input for a moment, in a zone."""
    here = moment.astimezone(zone)
    return f"{here:%Y-%m-%dT%H:%M:%S}" if here.second else f"{here:%Y-%m-%dT%H:%M}"


def _relative(moment: datetime, now: datetime) -> str:
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "Just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f}m ago"
    if seconds < 24 * 3600:
        return f"{seconds // 3600:.0f}h ago"
    return f"{moment.astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE)):%d %b %H:%M}"


@register.filter
def where(place: str) -> str:
    """toolInput as "tool input"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in place)


@register.filter
def words(value: str) -> str:
    """client_left as "client left"."""
    return value.replace("_", " ")


@register.filter
def stopped_by(message: str) -> str:
    """What the record says of a stop, as “Stopped by ann.”, within a line: “stopped by ann”."""
    return mask_text(message[:1].lower() + message[1:].rstrip("."))
