"""The offline preview of any Pulumi program in Python: its recorded graph, and the reports made of it."""
