"""What the commands about the record share: arguments, progress on a terminal, the price table as lines.

Read a command in `commands`, then `arguments`.
"""
