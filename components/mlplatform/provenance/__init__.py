"""Where a version of a model comes from, read from the registry: the command `mlplatform provenance`."""
