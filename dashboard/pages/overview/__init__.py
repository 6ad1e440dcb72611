"""What goes on now: figures of a day, the pipeline, running streams, the latest requests."""
