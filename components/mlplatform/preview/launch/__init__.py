"""How a program is started so that it is recorded."""
