"""Identity: who may do what, in AWS and in Kubernetes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mlplatform_policies.documents import (
    INLINE,
    MANAGED,
    RESOURCE,
    Statement,
    managed,
    of_identity,
    of_trust,
    statements,
)
from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    PRODUCTION,
    Findings,
    Parameter,
    Parameters,
    Rule,
    Severity,
    Subject,
)
from mlplatform_policies.reading import UnreadableError, each, listed, matches_any, shown, text, within

ESCALATIONS: Final[Mapping[str, Sequence[str]]] = {
    "make access keys of other users": ("iam:CreateAccessKey",),
    "make a password for another user": ("iam:CreateLoginProfile",),
    "change the password of another user": ("iam:UpdateLoginProfile",),
    "write a new version of a policy that it has": ("iam:CreatePolicyVersion",),
    "bring back an older version of a policy that it has": ("iam:SetDefaultPolicyVersion",),
    "attach any policy to a user": ("iam:AttachUserPolicy",),
    "attach any policy to a group": ("iam:AttachGroupPolicy",),
    "attach any policy to a role and take it": ("iam:AttachRolePolicy", "sts:AssumeRole"),
    "write a policy of a user": ("iam:PutUserPolicy",),
    "write a policy of a group": ("iam:PutGroupPolicy",),
    "write a policy of a role and take it": ("iam:PutRolePolicy", "sts:AssumeRole"),
    "join any group": ("iam:AddUserToGroup",),
    "make a role trust it and take it": ("iam:UpdateAssumeRolePolicy", "sts:AssumeRole"),
    "start an instance with any role": ("iam:PassRole", "ec2:RunInstances"),
    "start a function with any role": ("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"),
    "start a function with any role at an event": (
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:CreateEventSourceMapping",
    ),
    "start a Glue endpoint with any role": ("iam:PassRole", "glue:CreateDevEndpoint"),
    "start a stack with any role": ("iam:PassRole", "cloudformation:CreateStack"),
    "start a pipeline with any role": ("iam:PassRole", "datapipeline:CreatePipeline"),
    "change a Glue endpoint": ("glue:UpdateDevEndpoint",),
    "change the code of any function": ("lambda:UpdateFunctionCode",),
}
"""Ways to more rights, by the actions that each takes together (parliament, community auditor `privilege_escalation`).
Here they count where they are allowed on everything: there is then always somebody with more rights to be."""
ADMINISTRATORS: Final = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
"""AWS-managed policies that give an account away (IAM User Guide, AWS managed policies for job functions)."""
WITHOUT_RESOURCE: Final = (
    "*:Describe*",
    "*:List*",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "pricing:GetProducts",
    "sts:GetCallerIdentity",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""Actions without a resource to name (AWS Service Authorization Reference), and those that only list."""
ASSOCIATION: Final = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ROLES: Final = (
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
    "kubernetes:rbac.authorization.k8s.io/v1:Role",
)
DOCUMENTS: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    **{kind: (path,) for kind, path in INLINE.items()},
    **{kind: ((prop,),) for kind, prop in RESOURCE.items()},
    "aws:iam/role:Role": (INLINE["aws:iam/role:Role"], ("assumeRolePolicy",)),
    "aws:kms/key:Key": (("policy",),),
}


def readable(subject: Subject, _: Parameters) -> Findings:
    """A document that is no policy: nobody can judge it, and AWS refuses it."""
    yield from each(DOCUMENTS[subject.kind], lambda path: _unreadable(subject.props, path))


def _unreadable(props: Mapping[str, Any], path: Sequence[str]) -> Findings:
    *above, last = path
    yield from each(listed(props, *above), lambda holder: _no_document(holder, last))


def _no_document(holder: Any, prop: str) -> Findings:
    if within(holder, prop) == "":
        yield f"{prop}: got empty text; must be a policy document."
    try:
        statements(holder, prop)
    except UnreadableError as error:
        yield f"{error}."


def _ordinary(subject: Subject) -> Iterator[Statement]:
    """Statements that allow, less those of administrators, which have a rule of their own."""
    return (item for item in of_identity(subject) if item.allows and not item.of_an_administrator)


def wildcard_actions(subject: Subject, given: Parameters) -> Findings:
    """A statement that allows all actions of a service."""
    for statement in _ordinary(subject):
        for action in statement.actions:
            if action.partition(":")[2] in {"", "*"} and not matches_any(action, given["allowed"]):
                yield f"{action} allows every action{' of the service' if ':' in action else ''}, also those to come."
        if statement.but_actions:
            yield f"NotAction allows every action but {shown(statement.but_actions)}."


def wildcard_resources(subject: Subject, given: Parameters) -> Findings:
    """A statement that allows an action on every resource, with no condition to narrow it."""
    for statement in _ordinary(subject):
        if statement.on_everything and not statement.conditions:
            for action in statement.actions:
                if not matches_any(action, given["allowed"]):
                    yield f"{action} is allowed on every resource."


def administrators(subject: Subject, given: Parameters) -> Findings:
    """Somebody who may do everything."""
    if subject.kind in MANAGED:
        for arn in managed(subject):
            if arn.rpartition("/")[2] in given["policies"] and arn.startswith("arn:") and "::aws:policy/" in arn:
                yield f"{arn.rpartition('/')[2]} is attached."
    if subject.kind in INLINE:
        for statement in of_identity(subject):
            if statement.of_an_administrator:
                yield "A statement allows every action on every resource."


def escalations(subject: Subject, _: Parameters) -> Findings:
    """Somebody who may take more rights than were given."""
    wide = [item for item in _ordinary(subject) if item.on_everything and not item.conditions]
    for what, actions in ESCALATIONS.items():
        if all(any(statement.can(action) for statement in wide) for action in actions):
            yield f"Whoever has this may {what}: {shown(actions)} on every resource."


def public_trust(role: Subject, _: Parameters) -> Findings:
    """A role that anybody in AWS may take."""
    for statement in of_trust(role):
        if statement.public:
            yield "The trust policy lets everybody take the role, always."


def pinned_subjects(role: Subject, _: Parameters) -> Findings:
    """A role that any token of an issuer may take."""
    for statement in of_trust(role):
        for provider in statement.principals.get("Federated", ()) if statement.allows else ():
            if statement.can("sts:AssumeRoleWithWebIdentity"):
                yield from _pinned(statement, provider.partition(":oidc-provider/")[2] or provider)


def _pinned(statement: Statement, issuer: str) -> Findings:
    for claim, what in (("aud", "audience"), ("sub", "subject")):
        values = statement.asks(f"{issuer}:{claim}")
        if not values:
            yield f"Tokens of {issuer} are taken from any {what}: no condition on {issuer}:{claim}."
        for value in values or ():
            if claim == "sub" and _wide(value):
                yield f"The subject {value} of {issuer} is anybody's."


def _wide(subject: str) -> bool:
    """Whether a wildcard stands where a namespace, an organisation or a name should."""
    parts = subject.split(":")
    if subject.startswith("system:serviceaccount:"):
        return any("*" in part for part in parts[2:])
    return "*" in parts[0] or len(parts) == 1 or any("*" in part for part in parts[1].split("/"))


def users(subject: Subject, _: Parameters) -> Findings:
    """A user, or keys of one, that outlive everybody who knew of them."""
    yield "Keys of a user never expire." if subject.kind.endswith(":AccessKey") else "A user has credentials for ever."


def rbac(role: Subject, _: Parameters) -> Findings:
    """A Kubernetes role with a wildcard."""

    def judge(rule: Any) -> Findings:
        for field in ("apiGroups", "resources", "verbs"):
            if "*" in listed(rule, field):
                yield f"{field} is a wildcard."

    yield from each(listed(role.props, "rules"), judge)


def cluster_admins(binding: Subject, _: Parameters) -> Findings:
    """A Kubernetes subject that is bound to cluster-admin."""
    if within(binding.props, "roleRef", "name") == "cluster-admin":
        names = [within(subject, "name") for subject in listed(binding.props, "subjects")]
        yield f"cluster-admin is bound to {shown(names)}."


def eks_admins(association: Subject, given: Parameters) -> Findings:
    """A principal that may do everything in the cluster."""
    policy = text(association.props, "policyArn").rpartition("/")[2]
    if policy == "AmazonEKSClusterAdminPolicy":
        principal = text(association.props, "principalArn")
        if not matches_any(principal, given["allowed"]):
            yield f"{principal} may do everything in the cluster."


RULES: Final = (
    Rule(
        id="iam-document-readable",
        kinds=tuple(DOCUMENTS),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="What cannot be read cannot be judged, and AWS refuses it in the middle of an update.",
        fix="Write the document with json.dumps or get_policy_document.",
        check=readable,
    ),
    Rule(
        id="iam-no-wildcard-action",
        kinds=tuple(INLINE),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A service gains actions that nobody here decided to allow.",
        fix="List the actions that are used.",
        frameworks=("AWS FSBP IAM.21", "AwsSolutions-IAM5", "CKV_AWS_63"),
        parameters={
            "allowed": Parameter(
                [], {"type": "array", "items": {"type": "string"}}, "Patterns of actions that may be wildcards."
            )
        },
        check=wildcard_actions,
    ),
    Rule(
        id="iam-no-wildcard-resource",
        kinds=tuple(INLINE),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="What is allowed on everything is allowed on what other teams have.",
        fix="Name the resources, or narrow the statement by a condition.",
        frameworks=("AwsSolutions-IAM5", "CKV_AWS_355"),
        parameters={
            "allowed": Parameter(
                list(WITHOUT_RESOURCE),
                {"type": "array", "items": {"type": "string"}},
                "Patterns of actions that may be on everything: those that AWS cannot narrow.",
            )
        },
        check=wildcard_resources,
    ),
    Rule(
        id="iam-no-admin",
        kinds=tuple({**INLINE, **MANAGED}),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="One leaked credential is the whole account.",
        fix="Allow what is used; give people administration through single sign-on, outside this stack.",
        frameworks=("AWS FSBP IAM.1", "CKV_AWS_62", "CKV_AWS_274"),
        parameters={
            "policies": Parameter(
                list(ADMINISTRATORS),
                {"type": "array", "items": {"type": "string"}},
                "Names of AWS-managed policies that count as administration.",
            )
        },
        check=administrators,
    ),
    Rule(
        id="iam-no-privilege-escalation",
        kinds=tuple(INLINE),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="Who can give themselves rights has them all.",
        fix="Name the roles and policies that it is about, or add a condition such as iam:PassedToService.",
        frameworks=("CKV_AWS_286", "CKV_AWS_289"),
        check=escalations,
    ),
    Rule(
        id="iam-trust-not-public",
        kinds=("aws:iam/role:Role",),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="Everybody with an AWS account may become the role.",
        fix="Name principals, or add a condition such as aws:PrincipalOrgID.",
        frameworks=("CKV_AWS_60", "CKV_AWS_61"),
        check=public_trust,
    ),
    Rule(
        id="irsa-subject-pinned",
        kinds=("aws:iam/role:Role",),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="Any service account of the cluster, or any repository of the forge, may become the role.",
        fix="Add conditions on the issuer's aud and sub, with a namespace and a name.",
        check=pinned_subjects,
    ),
    Rule(
        id="iam-no-users",
        kinds=("aws:iam/accessKey:AccessKey", "aws:iam/user:User"),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Long-lived keys are what leaks.",
        fix="Use roles: Pod Identity for pods, OpenID Connect for pipelines, single sign-on for people.",
        frameworks=("CKV_AWS_273",),
        check=users,
    ),
    Rule(
        id="k8s-rbac-no-wildcard",
        kinds=ROLES,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A wildcard holds also the kinds and verbs of operators installed later, and secrets.",
        fix="List groups, resources and verbs.",
        frameworks=("CKV_K8S_49",),
        check=rbac,
    ),
    Rule(
        id="k8s-no-cluster-admin",
        kinds=("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="One pod with that account is the cluster.",
        fix="Bind a role with what is used.",
        check=cluster_admins,
    ),
    Rule(
        id="eks-access-not-cluster-admin",
        kinds=(ASSOCIATION,),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="One leaked credential is the cluster.",
        fix="Use AmazonEKSAdminPolicy in namespaces, or AmazonEKSViewPolicy; except who deploys by an exception.",
        parameters={
            "allowed": Parameter(
                [],
                {"type": "array", "items": {"type": "string"}},
                "Patterns of ARNs of principals that may be: those that deploy.",
            )
        },
        check=eks_admins,
    ),
)
"""Rules about identity, in the order of the documentation."""
