"""What stands in for the model: what it says, which tools it calls, what that counts as.

Read `turns`, then `compose`, `tokens` and `usage`.
"""
