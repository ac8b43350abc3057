"""Graphs to compare: resources by their chain of types and name, as the recorder writes them."""

from mlplatform.preview.graph.model import Graph, Placeholder, Resource

STACK = "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev"
GROUP = "x:index:Group"
QUEUE = "aws:sqs/queue:Queue"
TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"


def urn(name, type_=QUEUE, parents=""):
    """The URN of a resource below these parents' types, joined by `$`."""
    return f"urn:pulumi:dev::proj::{parents + '$' if parents else ''}{type_}::{name}"


def made(name, type_=QUEUE, *, parent=STACK, parents="", **fields):
    """A resource."""
    kind = "component" if ":index:" in type_ else "provider" if type_.startswith("pulumi:providers:") else "custom"
    return Resource(urn(name, type_, parents), type_, name, **{"kind": kind, "parent": parent, **fields})


def graph(*resources, stack="dev", outputs=None, placeholders=(), strict=False):
    """A graph of these resources and the stack itself."""
    root = Resource(STACK, "pulumi:pulumi:Stack", "proj-dev", "stack")
    return Graph(
        "proj",
        stack,
        strict,
        outputs or {},
        tuple(sorted((root, *resources), key=lambda one: one.urn)),
        tuple(Placeholder(value, of, key) for of, key, value in placeholders),
    )
