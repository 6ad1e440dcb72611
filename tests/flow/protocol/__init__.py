"""The API's protocol, and what breaks it, through the whole line."""
