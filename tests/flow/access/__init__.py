"""Who may pass, who pays and what limits stop, through the whole line."""
