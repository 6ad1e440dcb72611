"""The pages, rendered by Django's templates.

Read `lists`, which holds the views, then `request` and `usage`, which work out what two of them show.
"""
