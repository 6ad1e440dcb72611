"""Arguments that the commands of this package share."""

import argparse
from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A date or a date with a time (ISO 8601); UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date such as 2026-11-01 or 2026-11-01T12:00Z"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
