"""Seven days in charts and tables: `view`, and `charts`, which draws."""
