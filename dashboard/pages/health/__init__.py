"""How Nexus fares and what to do: records, worker, Slack, storage, prices, what ends soon, versions.

Read `view` and `checks`, then `sections`, which has the other files in their order.
"""
