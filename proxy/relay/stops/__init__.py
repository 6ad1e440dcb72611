"""End what somebody stopped: requests under way at once, and a stopped session's next ones at the door (docs/decisions/0043).

Read `stopper`, which knows what runs and what is stopped, then `under_way`, one request of it; `listening` hears of stops and
`messages` has what clients read.
"""
