"""Stands before a model's server: passes every request on, and logs what was asked and answered.

Run as `python -m mlplatform.runtime request-log`, as the sidecar of an endpoint's pods. No request waits for the log or
fails by it: what passes is copied within a budget of memory, made into lines by a thread of its own, and written to S3
in batches. What is not logged is counted by its reason.
"""
