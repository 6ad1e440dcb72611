"""Access: domains, what pays for them, what opens them, and what they may use. It knows no request and no record.

Read `access`, the decision, then `models` and `snapshot`, which it decides over; `credentials` and `oauth` keep secrets alive,
`outbound` is the way out of this network. `fields` encrypts columns, `guesses` counts wrong keys.
"""
