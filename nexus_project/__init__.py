"""Wiring only: settings, addresses, entry points, and what starts it all. The product lives in accounts, proxy and dashboard.

Read `settings` and `urls`, then `asgi`, `serve` and `celery`, where processes begin; `stack` starts them all on one machine,
`demo` stands in for the outside world, `operations` is for operators, `release` cuts versions. `env` reads the environment.
"""

__version__ = "0.2.0"
