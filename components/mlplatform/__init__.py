"""Pulumi components for machine-learning platforms on AWS and Kubernetes.

The public names, listed in `__init__.pyi`, are loaded on first use, so that importing `mlplatform.facts`,
`mlplatform.runtime` or the command never pays for, or needs, Pulumi.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
