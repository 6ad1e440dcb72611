"""Amounts of money as exact decimals in texts."""

from decimal import Decimal

from proxy.store.pricing.costs import plain


def decimal(amount: Decimal | None) -> str | None:
    """All digits, no exponent; None where it is not known."""
    return None if amount is None else plain(amount)
