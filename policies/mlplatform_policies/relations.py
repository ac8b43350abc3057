"""Resources that belong together: which companion was made for which resource."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from mlplatform_policies.model import Subject
from mlplatform_policies.reading import gathered, matches_any, settle, text

Companions = Callable[[Subject], Sequence[Subject]]
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
"""Type tokens of buckets."""


def of_kinds(subjects: Sequence[Subject], kinds: Sequence[str]) -> list[Subject]:
    """The subjects of these kinds, in which a `*` stands for anything."""
    wanted = {kind: matches_any(kind, kinds) for kind in {subject.kind for subject in subjects}}
    return [subject for subject in subjects if wanted[subject.kind]]


def companions(
    resources: Sequence[Subject], subjects: Sequence[Subject], kinds: Sequence[str], prop: str, name: str = ""
) -> Companions:
    """Finds the companions of one of the resources: of one of the kinds, and with a property made of that resource.

    A property that was made of none of them is compared with the resource's property `name`, by default its namesake;
    a dot leads into an object.
    Where it is not known or unreadable, a resource for which no other companion is found cannot be judged.
    """
    path, own_path = prop.split("."), (name or prop).split(".")
    urns = {resource.urn for resource in resources}
    by_urn: dict[str, list[Subject]] = defaultdict(list)
    by_name: dict[str, list[Subject]] = defaultdict(list)
    others = []
    for subject in of_kinds(subjects, kinds):
        targets = urns.intersection(subject.needs.get(path[0], ()))
        for urn in targets:
            by_urn[urn].append(subject)
        if not targets:
            others.append(subject)
    late: list[Exception] = []
    for target, subject in gathered(others, lambda other: (text(other.props, *path), other), late):
        by_name[target].append(subject)

    def found(resource: Subject) -> Sequence[Subject]:
        own = text(resource.props, *own_path) if by_name else ""
        both = [*by_urn.get(resource.urn, ()), *(by_name.get(own, ()) if own else ())]
        if not both:
            settle(late)
        return both

    return found
