"""The list of all requests, newest first."""
