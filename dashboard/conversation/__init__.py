"""A request and its answer as the conversation that they are: from untrusted JSON to masked, escaped blocks."""
