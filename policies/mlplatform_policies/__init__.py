"""What no machine-learning platform may contain: the catalogue, its rules, and the pack that Pulumi runs."""
