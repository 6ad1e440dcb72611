"""Sample traffic: what a small company's people and agents send in a day, through a running proxy."""
