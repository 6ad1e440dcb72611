"""What an operator does across the relay and the store: database roles, encryption keys, the spool.

Read `grants`, the rights of each role as data, then `roles`, which grants them; `key_rotation` writes secrets anew, `spool` is
a command.
"""
