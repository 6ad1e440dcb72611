"""Who changed what: each save and deletion of a row that the admin knows leaves an entry, whoever made it.

Read `actor` (who acts now), `values` (which values may be kept), then `entries` and `recording`.
"""
