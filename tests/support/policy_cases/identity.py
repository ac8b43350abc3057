"""Cases of the rules about identity."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, allow, document, unknown

ARN = "arn:aws:s3:::models/*"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(name, *statements):
    aws.iam.Policy(name, policy=document(*statements))


def trust(principal, **more):
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more})


def web_identity(**conditions):
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
        "Condition": conditions,
    }
    return document(statement)


def role(name, assume, **more):
    aws.iam.Role(name, assume_role_policy=assume, **more)


SERVICE = trust({"Service": "ec2.amazonaws.com"})


def wild_actions() -> None:
    policy("bad", allow(["s3:*", "s3:GetObject"], ARN))
    policy("bad-all", allow("*", ARN))
    policy("bad-but", {"Effect": "Allow", "NotAction": "iam:*", "Resource": ARN})
    aws.iam.RolePolicy("bad-inline", role="r", policy=document(allow("dynamodb:*", ARN)))
    role("bad-role", SERVICE, inline_policies=[{"name": "n", "policy": document(allow("sqs:*", ARN))}])
    found = aws.iam.get_policy_document_output(statements=[{"actions": ["sns:*"], "resources": [ARN]}])
    aws.iam.Policy("bad-document", policy=found.json)


def rbac(name, *rules, cluster=False):
    kind = k8s.rbac.v1.ClusterRole if cluster else k8s.rbac.v1.Role
    kind(name, metadata={"namespace": "team"}, rules=list(rules))


def rbac_rule(group="", resource="pods", verb="get"):
    return {"api_groups": [group], "resources": [resource], "verbs": [verb]}


def binding(name, to):
    k8s.rbac.v1.ClusterRoleBinding(
        name,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": to},
        subjects=[{"kind": "ServiceAccount", "name": "runner", "namespace": "ci"}],
    )


def association(name, policy, principal="arn:aws:iam::123456789012:role/engineer"):
    aws.eks.AccessPolicyAssociation(
        name,
        access_scope={"type": "cluster"},
        cluster_name="c",
        policy_arn=policy if isinstance(policy, pulumi.Output) else f"arn:aws:eks::aws:cluster-access-policy/{policy}",
        principal_arn=principal,
    )


def whole(action, service):
    return f"{service}:* allows every action{action} also those to come."


WHO = "Whoever has this may"
OF_SERVICE = " of the service,"
CASES = {
    "iam-document-readable": Case(
        good=lambda: [policy("good", allow("s3:GetObject", ARN)), role("good-role", SERVICE)],
        bad=lambda: [
            aws.iam.Policy("bad", policy="Allow everything"),
            aws.iam.Policy("bad-empty", policy=""),
            role("bad-role", "[]"),
        ],
        findings={
            "bad": ["policy: got text; must be JSON."],
            "bad-empty": ["policy: got empty text; must be a policy document."],
            "bad-role": ["assumeRolePolicy: got a list; must be a policy document."],
        },
        unknown=lambda: aws.iam.Policy("unknown", policy=unknown()),
    ),
    "iam-no-wildcard-action": Case(
        good=lambda: [
            policy("good", allow("s3:GetObject", ARN), {"Effect": "Deny", "Action": "*", "Resource": "*"}),
            policy("good-prefix", allow("s3:Get*", ARN)),
            policy("good-admin-is-another-rule", allow("*")),
            policy("good-allowed", allow("logs:*", ARN)),
        ],
        bad=wild_actions,
        findings={
            "bad": [whole(OF_SERVICE, "s3")],
            "bad-all": ["* allows every action, also those to come."],
            "bad-but": ["NotAction allows every action but iam:*."],
            "bad-inline": [whole(OF_SERVICE, "dynamodb")],
            "bad-role": [whole(OF_SERVICE, "sqs")],
            "bad-document": [whole(OF_SERVICE, "sns")],
        },
        config={"allowed": ["logs:*"]},
        unknown=lambda: aws.iam.Policy("unknown", policy=unknown()),
    ),
    "iam-no-wildcard-resource": Case(
        good=lambda: [
            policy("good", allow("s3:GetObject", ARN), allow(["ec2:DescribeInstances", "ecr:GetAuthorizationToken"])),
            policy("good-condition", allow("ec2:RunInstances", Condition={"StringEquals": {"aws:RequestTag/a": "b"}})),
        ],
        bad=lambda: [
            policy("bad", allow(["s3:GetObject", "s3:PutObject"])),
            policy("bad-but", {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": ARN}),
        ],
        findings={
            "bad": ["s3:GetObject is allowed on every resource.", "s3:PutObject is allowed on every resource."],
            "bad-but": ["s3:GetObject is allowed on every resource."],
        },
        unknown=lambda: aws.iam.Policy("unknown", policy=unknown()),
    ),
    "iam-no-admin": Case(
        good=lambda: [
            policy("good", allow("s3:*")),
            aws.iam.RolePolicyAttachment(
                "good-own", role="r", policy_arn="arn:aws:iam::123456789012:policy/PowerUserAccess"
            ),
        ],
        bad=lambda: [
            policy("bad", allow("*", ["*"])),
            aws.iam.RolePolicyAttachment("bad-attached", role="r", policy_arn=ADMIN),
            role("bad-role", SERVICE, managed_policy_arns=["arn:aws:iam::aws:policy/IAMFullAccess"]),
        ],
        findings={
            "bad": ["A statement allows every action on every resource."],
            "bad-attached": ["AdministratorAccess is attached."],
            "bad-role": ["IAMFullAccess is attached."],
        },
        unknown=lambda: aws.iam.RolePolicyAttachment("unknown", role="r", policy_arn=unknown()),
    ),
    "iam-no-privilege-escalation": Case(
        good=lambda: [
            policy("good", allow("iam:PassRole", "arn:aws:iam::123456789012:role/job"), allow("ec2:RunInstances")),
            policy(
                "good-condition",
                allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
                allow("ec2:RunInstances"),
            ),
            policy("good-half", allow("iam:PassRole")),
        ],
        bad=lambda: [
            policy("bad", allow("iam:PassRole"), allow("ec2:RunInstances")),
            policy("bad-pattern", allow("iam:create*")),
        ],
        findings={
            "bad": [
                f"{WHO} start an instance with any role: iam:PassRole, ec2:RunInstances on every resource.",
            ],
            "bad-pattern": [
                f"{WHO} make access keys of other users: iam:CreateAccessKey on every resource.",
                f"{WHO} make a password for another user: iam:CreateLoginProfile on every resource.",
                (f"{WHO} write a new version of a policy that it has: iam:CreatePolicyVersion on every resource."),
            ],
        },
        unknown=lambda: aws.iam.Policy("unknown", policy=unknown()),
    ),
    "iam-trust-not-public": Case(
        good=lambda: [
            role("good", SERVICE),
            role("good-condition", trust("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
        ],
        bad=lambda: [
            role("bad", trust("*")),
            role("bad-aws", trust({"AWS": ["*"]})),
            role("bad-data", json.loads(trust("*"))),
        ],
        findings=dict.fromkeys(
            ("bad", "bad-aws", "bad-data"), ("The trust policy lets everybody take the role, always.",)
        ),
        unknown=lambda: role("unknown", unknown()),
    ),
    "irsa-subject-pinned": Case(
        good=lambda: [
            role("good", SERVICE),
            role(
                "good-pinned",
                web_identity(
                    StringEquals={
                        f"{ISSUER}:aud": "sts.amazonaws.com",
                        f"{ISSUER}:sub": "system:serviceaccount:team:trainer",
                    }
                ),
            ),
            role(
                "good-repository",
                web_identity(
                    StringEquals={f"{ISSUER}:aud": "sts.amazonaws.com"}, StringLike={f"{ISSUER}:sub": "repo:org/name:*"}
                ),
            ),
        ],
        bad=lambda: [
            role("bad", web_identity()),
            role(
                "bad-any",
                web_identity(
                    StringEquals={f"{ISSUER}:aud": "sts.amazonaws.com"},
                    StringLike={f"{ISSUER}:sub": ["system:serviceaccount:*:*", "repo:org/*", "*"]},
                ),
            ),
        ],
        findings={
            "bad": [
                f"Tokens of {ISSUER} are taken from any audience: no condition on {ISSUER}:aud.",
                f"Tokens of {ISSUER} are taken from any subject: no condition on {ISSUER}:sub.",
            ],
            "bad-any": [
                f"The subject {subject} of {ISSUER} is anybody's."
                for subject in ("system:serviceaccount:*:*", "repo:org/*", "*")
            ],
        },
        unknown=lambda: role("unknown", unknown()),
    ),
    "iam-no-users": Case(
        good=lambda: role("good", SERVICE),
        bad=lambda: [aws.iam.User("bad"), aws.iam.AccessKey("bad-key", user="u")],
        findings={"bad": ["A user has credentials for ever."], "bad-key": ["Keys of a user never expire."]},
        unknown=None,
    ),
    "k8s-rbac-no-wildcard": Case(
        good=lambda: [rbac("good", rbac_rule()), rbac("good-cluster", rbac_rule("apps"), cluster=True)],
        bad=lambda: [
            rbac("bad", rbac_rule(), rbac_rule(verb="*")),
            rbac("bad-cluster", rbac_rule("*", "*", "*"), cluster=True),
        ],
        findings={
            "bad": ["verbs is a wildcard."],
            "bad-cluster": ["apiGroups is a wildcard.", "resources is a wildcard.", "verbs is a wildcard."],
        },
        unknown=lambda: rbac("unknown", rbac_rule(verb=unknown("get"))),
    ),
    "k8s-no-cluster-admin": Case(
        good=lambda: binding("good", "view"),
        bad=lambda: binding("bad", "cluster-admin"),
        findings={"bad": ["cluster-admin is bound to runner."]},
        unknown=lambda: binding("unknown", unknown("view")),
    ),
    "eks-access-not-cluster-admin": Case(
        good=lambda: [
            association("good", "AmazonEKSViewPolicy"),
            association("good-deployer", "AmazonEKSClusterAdminPolicy", "arn:aws:iam::123456789012:role/deployer"),
        ],
        bad=lambda: association("bad", "AmazonEKSClusterAdminPolicy"),
        findings={"bad": ["arn:aws:iam::123456789012:role/engineer may do everything in the cluster."]},
        config={"allowed": ["*:role/deployer"]},
        unknown=lambda: association("unknown", unknown()),
    ),
}
