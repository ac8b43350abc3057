"""Turns messages of a queue into jobs: one message, one object in the namespace of its team.

Run as `python -m mlplatform.runtime worker`, with `DISPATCH_QUEUE_URL`, `DISPATCH_HOLD_SECONDS` and `DISPATCH_CONFIG`
in the environment. A run takes messages one by one until the queue is empty or the run has done
enough, and ends with 0 (also when messages were malformed), 1 (the Kubernetes API or the queue failed; what was in hand
comes again) or 2 (the environment is wrong).
"""
