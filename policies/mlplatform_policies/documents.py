"""IAM policy documents, parsed: who may do what to what, and when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from mlplatform_policies.model import Subject
from mlplatform_policies.reading import UnreadableError, decoded, each, listed, mapping, texts, within

ANYONE: Final = "*"
INLINE: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:iam/groupPolicy:GroupPolicy": ("policy",),
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/role:Role": ("inlinePolicies", "policy"),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:iam/userPolicy:UserPolicy": ("policy",),
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": ("inlinePolicy",),
}
"""Where the documents of identities are: what those may do whom they are attached to."""
RESOURCE: Final[Mapping[str, str]] = {
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ecr/registryPolicy:RegistryPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""Where the documents of resources are: who may do what to them. Keys have rules of their own."""
MANAGED: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": ("policyArn",),
    "aws:iam/policyAttachment:PolicyAttachment": ("policyArn",),
    "aws:iam/role:Role": ("managedPolicyArns",),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("policyArn",),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": ("policyArn",),
}
"""Where a managed policy is given to somebody."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; what may be one value or many is always many."""

    allows: bool
    """Whether it allows; otherwise it denies."""
    actions: Sequence[str] = ()
    but_actions: Sequence[str] = ()
    """All actions but these."""
    resources: Sequence[str] = ()
    but_resources: Sequence[str] = ()
    """All resources but these."""
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Who, by kind; empty in the documents of identities."""
    but_principals: bool = False
    """Whether it is for everybody but some."""
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """When: operator to condition key to values."""

    @property
    def of_an_administrator(self) -> bool:
        """Whether it allows everything to everything."""
        return self.allows and ANYONE in self.actions and self.on_everything

    @property
    def on_everything(self) -> bool:
        """Whether it is for all resources; one with exceptions is."""
        return ANYONE in self.resources or bool(self.but_resources)

    @property
    def public(self) -> bool:
        """Whether it allows something to everybody, always."""
        everybody = self.but_principals or ANYONE in self.principals.get("AWS", ())
        return self.allows and not self.conditions and everybody

    def can(self, action: str) -> bool:
        """Whether its actions are or hold that one; IAM knows no difference of case."""
        wanted = action.lower()
        if self.but_actions:
            return not any(fnmatchcase(wanted, given.lower()) for given in self.but_actions)
        return any(fnmatchcase(wanted, given.lower()) for given in self.actions)

    def asks(self, key: str) -> Sequence[str] | None:
        """The values that a condition wants of a key, whose case IAM ignores; None where none does."""
        for keys in self.conditions.values():
            for name, values in keys.items():
                if name.lower() == key.lower():
                    return values
        return None


def statements(value: Any, *path: str) -> tuple[Statement, ...]:
    """The statements of the document at a path, as text or data; none where it is absent. Unreadable otherwise."""
    found = decoded(value, *path)
    if found is not None and not isinstance(found, Mapping):
        raise UnreadableError(path, found, "a policy document")
    return tuple(_statement(item) for item in listed(found, "Statement"))


def _statement(item: Any) -> Statement:
    principal = within(item, "Principal")
    who = {"AWS": [ANYONE]} if principal == ANYONE else mapping(item, "Principal")
    conditions = mapping(item, "Condition")
    return Statement(
        allows=within(item, "Effect") == "Allow",
        actions=tuple(texts(item, "Action")),
        but_actions=tuple(texts(item, "NotAction")),
        resources=tuple(texts(item, "Resource")),
        but_resources=tuple(texts(item, "NotResource")),
        principals={kind: tuple(texts(who, kind)) for kind in who},
        but_principals=within(item, "NotPrincipal") is not None,
        conditions={operator: _keys(mapping(conditions, operator)) for operator in conditions},
    )


def _keys(keys: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(_text(value) for value in listed(keys, key)) for key in keys}


def _text(value: Any) -> str:
    """A value of a condition as IAM compares it: `false` and `"false"` are the same."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def of_identity(subject: Subject) -> Iterator[Statement]:
    """The statements of all documents that say what an identity may do."""
    *above, last = INLINE[subject.kind]
    yield from each(listed(subject.props, *above), lambda holder: statements(holder, last))


def of_resource(subject: Subject) -> Sequence[Statement]:
    """The statements of the document that says who may use a resource."""
    return statements(subject.props, RESOURCE[subject.kind])


def of_trust(subject: Subject) -> Sequence[Statement]:
    """The statements of a role's trust policy."""
    return statements(subject.props, "assumeRolePolicy")


def of_key(subject: Subject) -> Sequence[Statement]:
    """The statements of a key's policy."""
    return statements(subject.props, "policy")


def managed(subject: Subject) -> Sequence[str]:
    """The ARNs of managed policies that a resource gives to somebody."""
    return texts(subject.props, *MANAGED[subject.kind])
