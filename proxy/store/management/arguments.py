"""Arguments that several commands take."""

import argparse
from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A date, or a date with a time (ISO 8601); UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment: write 2026-11-01 or 2026-11-01T12:00Z"
        ) from error
