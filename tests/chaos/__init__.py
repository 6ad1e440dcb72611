"""Zero loss, proven: real processes are killed at random moments under load, and nothing may be missing afterwards."""
