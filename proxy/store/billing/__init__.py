"""The bill of a stored exchange: explained line by line, and computed again with the prices of today.

Read `explain`, then `price_again` and `reprice`.
"""
