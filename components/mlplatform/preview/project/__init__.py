"""The project whose program is run: its files and configuration, now and at a git ref."""
