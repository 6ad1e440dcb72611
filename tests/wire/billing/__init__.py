"""Usage, calls, prices, bills."""
