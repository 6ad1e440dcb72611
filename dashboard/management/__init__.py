"""Commands about who sees what."""
