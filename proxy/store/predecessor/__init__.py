"""Traffic that the predecessor of Nexus recorded: its database read, its rows made into exchanges."""
