"""What the SDKs' own classes say of their resources."""

import importlib
import keyword
import threading
import typing
from collections.abc import Mapping
from typing import Any

from pulumi import _types

_IMPORTING = threading.Lock()
"""The SDK loads its modules when they are asked for, which two threads may not do at once."""


def hints_of(token: str) -> Mapping[str, Any]:
    """Types of an AWS resource's outputs by Pulumi's names; none of others, which have what the program gives."""
    package, path, kind = token.split(":")
    if package != "aws":
        return {}
    module = path.partition("/")[0]
    with _IMPORTING:
        cls = getattr(importlib.import_module(f"pulumi_aws.{module}{'_' * keyword.iskeyword(module)}"), kind)
    return {key: typing.get_args(hint)[0] for key, hint in _types._raw_return_hints(cls).items()}
