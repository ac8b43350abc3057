"""The subcommands of `mlplatform` that preview: their arguments, and what they print where."""
