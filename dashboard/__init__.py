"""What people see: pages, API and live updates. It reads traffic and never writes it."""
