"""Nexus: wiring only (settings, URLs, entry points); the product lives in accounts, proxy and dashboard.

Read `settings` and `urls`, then `serve` and `asgi`; `stack`, `demo`, `operations` and `release` are for developers and operators.
"""

__version__ = "0.1.0"
