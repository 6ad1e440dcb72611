"""Everything the demo and the tests need in place of the outside world: the API, Slack, and traffic."""
