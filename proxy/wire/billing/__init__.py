"""What an answer is billed for: its `usage`, the model calls behind it, their prices, the lines of the bill.

Read `usage`, then `calls` and `pricing`; `refusals` and `understood` say how far a bill can be trusted, `estimate` what
limits count where none is known.
"""
