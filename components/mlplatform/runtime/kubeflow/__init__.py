"""Submits a compiled Kubeflow pipeline to Kubeflow Pipelines, and waits for its run to end.

The name of the Workflow is the name of the run. The API holds no name to be unique (kubeflow/pipelines#10446), so a run
of that name is looked for before one is made, and again after: of several the oldest counts, and the others are ended.
"""
