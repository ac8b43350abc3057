"""The recorded graph: its model, how values and graphs differ, and what a change does to what exists."""
