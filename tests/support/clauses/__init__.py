"""What the components promise, clause by clause, a module each; a test holds that none is without a test of its own."""

import importlib
import pkgutil

CLAUSES: dict[str, str] = {}
LEFT_OUT: dict[str, str] = {}
"""Clauses that no component carries, with the reason."""

for _found in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_found.name}")
    CLAUSES.update(_module.CLAUSES)
    LEFT_OUT.update(getattr(_module, "LEFT_OUT", {}))
