"""Turns of a conversation, told from their own bytes; pure.

Read `search`.
"""
