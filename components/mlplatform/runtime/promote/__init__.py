"""Rolls a version of a model out: beside what serves, by steps and past gates, then instead of it, or back.

Run as `python -m mlplatform.runtime promote <verb>`, each verb a step of a Workflow, with `ROLLOUT_CONFIG` and the
variables of MLflow's client in the environment. Every verb says what shall be and not what to change, so that one that
was killed is begun again. The aliases and tags of the registry are the memory; what serves says the rest.
"""
