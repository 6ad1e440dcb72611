"""What ends, fails, fills up or is replaced while clients are served."""
