"""Conversations in the database: a row of keys for each turn, and one that sums up each conversation.

Read `turns`, what ingest and imports make of an exchange, then `sums`, then `threads`.
"""
