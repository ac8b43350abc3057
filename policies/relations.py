"""Resources that belong together: which companion was made for which resource."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from model import Subject
from reading import matches_any

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

    A property that was made of none of them is compared with the resource's property `name`, by default its namesake.
    Where it is not known, a resource for which no other companion is found cannot be judged.
    """
    urns = {resource.urn for resource in resources}
    by_urn: dict[str, list[Subject]] = defaultdict(list)
    by_name: dict[object, list[Subject]] = defaultdict(list)
    unknown: list[Exception] = []
    for subject in of_kinds(subjects, kinds):
        targets = urns.intersection(subject.needs.get(prop, ()))
        for urn in targets:
            by_urn[urn].append(subject)
        if not targets:
            try:
                by_name[subject.props.get(prop)].append(subject)
            except Exception as error:  # noqa: BLE001 - what an unknown value raises; raised again where it matters
                unknown.append(error)

    def found(resource: Subject) -> Sequence[Subject]:
        named = by_name.get(resource.props.get(name or prop), []) if by_name else []
        both = [*by_urn.get(resource.urn, ()), *named]
        if unknown and not both:
            raise unknown[0]
        return both

    return found
