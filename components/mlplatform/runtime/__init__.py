"""Jobs that run inside the platform: `python -m mlplatform.runtime <job>`.

Nothing here knows Pulumi. What the jobs need is the dependency group `runtime`, locked in `requirements/runtime.txt`;
the Dockerfile beside this file makes their image of it.
"""
