"""What leaves an entry of the audit, and what an entry never says."""
