"""What Kubernetes publishes: what pods can have of a node, what pods must be, and who may speak to whom."""
