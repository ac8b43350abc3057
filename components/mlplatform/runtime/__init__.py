"""Jobs that run inside the platform; nothing here knows Pulumi. Their needs are the extra `runtime`."""
