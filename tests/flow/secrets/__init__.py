"""What nobody may read, and what each process may do, on the whole line."""
