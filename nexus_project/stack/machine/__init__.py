"""What the stack needs of the machine: folders for their owner only, free ports, an account for PostgreSQL, the end of processes.

Read `owned_folders`, which names every folder outside of the clone.
"""
