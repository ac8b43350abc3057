"""How components are built: arguments and their rules, names, placement, keys, Kubernetes objects, capacity."""
