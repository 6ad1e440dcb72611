"""What a person may type into a filter, as the database takes it."""

from datetime import UTC, datetime

from django.http import HttpRequest


def domain_of(typed: str) -> str:
    """A domain's name as it is stored: lower case, without NUL, which PostgreSQL's text cannot hold; "" means all."""
    return typed.replace("\x00", "").strip().lower()


def chosen_domain(request: HttpRequest) -> str:
    """The domain that a page is filtered by, "" for all."""
    return domain_of(request.GET.get("domain", ""))


def moment_of(given: datetime) -> datetime:
    """A time in UTC; one without a zone is taken as UTC. Raises ValueError where the calendar ends."""
    try:
        return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time lies outside the calendar") from error
