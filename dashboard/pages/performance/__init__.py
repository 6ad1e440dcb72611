"""How long responses take and how fast they come: percentiles over time and by model, the slowest requests, errors by type.

Read `view`, then `spreads`, which works out what is drawn.
"""
