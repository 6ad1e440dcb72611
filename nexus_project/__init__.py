"""Nexus: wiring only (settings, URLs, entry points); the product lives in accounts, proxy and dashboard."""
