"""How fast pages, API and ingest are on a database of millions: `make bench-storage`."""
