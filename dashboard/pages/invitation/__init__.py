"""Accepting an invitation: its secret is shown by POST, then the invited sets a password or signs in by OpenID Connect.

Read `view`, then its templates `page.html`, which takes the secret, and `accept.html`, where a user is made.
"""
