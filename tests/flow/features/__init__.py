"""What people use Nexus for, through the whole line."""
