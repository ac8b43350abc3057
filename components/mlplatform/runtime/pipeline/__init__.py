"""A training pipeline's own steps, by the terms of `contracts.pipeline`: `trials`, `select` and `register`.

Each reads what it needs from the run's folder in S3 and from the registry, and a step that begins anew comes to the
same end. A step ends with 0, 1 (something failed; the line `failed` says what) or 2 (the environment is wrong).
"""
