"""Delivery: roles that CI takes by OIDC, Pulumi's state and secrets provider, image repositories and budgets."""

from collections.abc import Iterable, Mapping
from typing import Optional, TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.delivery import guard, images, reading, spending, trust
from mlplatform.delivery.args import DeliveryArgs, StateBackend, issuer_host
from mlplatform.delivery.state import State
from mlplatform.facts.aws.iam import Statement, document, oidc_trust
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.hardened_bucket import BucketLifecycle, HardenedBucket, HardenedBucketArgs

_Build: TypeAlias = Build[DeliveryArgs]
_Roles: TypeAlias = dict[str, aws.iam.Role]


class Delivery(pulumi.ComponentResource):
    """What pipelines need of one account: a role to preview and one to deploy each environment, state and images.

    Nobody holds a key: GitHub or GitLab vouch for a job, and AWS gives it a role for an hour. Apply this by hand, from
    a stack of its own, once an account: a pipeline that may change its own rights has every right.
    """

    oidc_provider_arn: pulumi.Output[str]
    """ARN of the OIDC provider."""
    preview_role_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the roles that read, by environment."""
    deploy_role_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the roles that deploy, by environment; the cluster's `deployer_arns` take them."""
    state_url: pulumi.Output[str]
    """What `pulumi login` takes."""
    state_bucket_name: pulumi.Output[str]
    """Name of the bucket of the state."""
    state_key_arn: pulumi.Output[str]
    """ARN of the key of the bucket and of the secrets provider."""
    secrets_providers: pulumi.Output[Mapping[str, str]]
    """What `pulumi stack init --secrets-provider` takes, by environment."""
    repository_urls: pulumi.Output[Mapping[str, str]]
    """Where images are pushed and pulled, by repository."""
    repository_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the repositories, by name."""
    budget_names: pulumi.Output[Mapping[str, str]]
    """Names of the budgets, by short name."""

    def __init__(self, name: str, args: DeliveryArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = DeliveryArgs.of(args)
        _check_names(name, args)
        super().__init__("mlplatform:index:Delivery", name, args.model_dump(exclude_none=True), opts)
        build = Build.of(self, name, args)
        state = _state(build)
        provider_arn, provider = _provider(build)
        previewing, deploying = _roles(build, provider_arn, provider)
        repositories = images.repositories(build)
        _previews(build, state, previewing)
        _deployments(build, state, deploying)
        _pushes(build, deploying, repositories)
        _guard(build, state, provider_arn, [*previewing.values(), *deploying.values()], deploying)
        budgets = {short: spending.budget(build, short, given) for short, given in args.budgets.items()}
        if args.anomalies is not None:
            spending.anomalies(build, args.anomalies)

        self.oidc_provider_arn = provider_arn
        self.preview_role_arns = _by_name({name: role.arn for name, role in previewing.items()})
        self.deploy_role_arns = _by_name({name: role.arn for name, role in deploying.items()})
        self.state_url = state.url
        self.state_bucket_name = state.bucket_name
        self.state_key_arn = state.key_arn
        self.secrets_providers = _by_name({name: state.secrets_provider(name) for name in args.environments})
        self.repository_urls = _by_name({name: made.repository_url for name, made in repositories.items()})
        self.repository_arns = _by_name({name: made.arn for name, made in repositories.items()})
        self.budget_names = _by_name({short: made.name for short, made in budgets.items()})
        self.register_outputs(
            {
                "oidc_provider_arn": self.oidc_provider_arn,
                "preview_role_arns": self.preview_role_arns,
                "deploy_role_arns": self.deploy_role_arns,
                "state_url": self.state_url,
                "state_bucket_name": self.state_bucket_name,
                "state_key_arn": self.state_key_arn,
                "secrets_providers": self.secrets_providers,
                "repository_urls": self.repository_urls,
                "repository_arns": self.repository_arns,
                "budget_names": self.budget_names,
            }
        )


def _by_name(values: dict[str, pulumi.Output[str]]) -> pulumi.Output[Mapping[str, str]]:
    # Output.all of nothing is a list.
    return pulumi.Output.all(**values) if values else pulumi.Output.from_input({})


def _check_names(name: str, args: DeliveryArgs) -> None:
    try:
        for environment in args.environments:
            check(Kind.IAM_ROLE, f"{name}-{environment}-preview", autonamed=True)
    except ValueError as error:
        raise InvalidArgs(f"Delivery {name!r}: {error}") from None


def _state(build: _Build) -> State:
    given = build.args.state or StateBackend()
    key_arn = _state_key_arn(build, given)
    if given.bucket_name is not None:
        name = pulumi.Output.from_input(given.bucket_name)
        arn = pulumi.Output.concat("arn:", build.place.partition, ":s3:::", name)
    else:
        bucket = _state_bucket(build, given, key_arn)
        name, arn = bucket.bucket_name, bucket.bucket_arn
    return State(name, arn, key_arn, build.place, build.args.project)


def _state_key_arn(build: _Build, given: StateBackend) -> pulumi.Output[str]:
    if given.kms_key_arn is not None:
        return pulumi.Output.from_input(given.kms_key_arn)
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.S3: []}
    if given.replication:
        uses[KeyUse.S3_REPLICATION] = []
    # Roles use it directly too, as the secrets provider, by their own policies.
    return encryption_key(f"{build.name}-state-key", "Pulumi state", uses, place=build.place, opts=build.kept).arn


def _state_bucket(build: _Build, given: StateBackend, key_arn: pulumi.Output[str]) -> HardenedBucket:
    args = build.args
    return HardenedBucket(
        f"{build.name}-state",
        HardenedBucketArgs(
            kms_key_arn=key_arn,
            # States are small, and read at every run.
            lifecycle=BucketLifecycle(noncurrent_days=given.noncurrent_days, intelligent_tiering=False),
            access_logs=given.access_logs,
            replication=given.replication,
            permissions_boundary_arn=args.permissions_boundary_arn,
            deletion_protection=args.deletion_protection,
            force_destroy=args.force_destroy,
        ),
        build.inside,
    )


def _provider(build: _Build) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
    """ARN of the OIDC provider, and what roles that trust it must wait for."""
    args = build.args
    if args.oidc_provider_arn is not None:
        return pulumi.Output.from_input(args.oidc_provider_arn), []
    # No thumbprint: AWS trusts GitHub's and GitLab's certificates by its own list, and fetches that of others.
    provider = aws.iam.OpenIdConnectProvider(
        f"{build.name}-oidc", url=str(args.ci.issuer), client_id_lists=[str(args.audience)], opts=build.inside
    )
    # Not the provider's output: so a preview knows whom the roles will trust before there is a provider.
    return build.place.arn("iam", f"oidc-provider/{issuer_host(args.ci)}", region=False), [provider]


def _roles(build: _Build, provider_arn: pulumi.Output[str], provider: list[pulumi.Resource]) -> tuple[_Roles, _Roles]:
    args = build.args
    previewing, deploying = {}, {}
    for environment, given in args.environments.items():
        subjects = {
            "preview": trust.previewing(args.ci, given),
            "deploy": trust.deploying(args.ci, environment, given),
        }
        made = {}
        for role, of_role in subjects.items():
            trusted = oidc_trust(provider_arn, issuer_host(args.ci), of_role, str(args.audience))
            made[role] = _role(build, environment, role, trusted, provider)
        previewing[environment], deploying[environment] = made["preview"], made["deploy"]
    return previewing, deploying


def _role(
    build: _Build, environment: str, role: str, trusted: Mapping[str, object], provider: list[pulumi.Resource]
) -> aws.iam.Role:
    args = build.args
    minutes = pulumi.Output.from_input(args.environments[environment].session_minutes)
    return aws.iam.Role(
        f"{build.name}-{environment}-{role}",
        description=f"Pipelines that {role} {args.project}, stack {args.stack_of(environment)}",
        assume_role_policy=pulumi.Output.json_dumps(trusted),
        max_session_duration=minutes.apply(lambda known: int(known or 0) * 60),
        permissions_boundary=args.permissions_boundary_arn,
        opts=build.after(*provider),
    )


def _previews(build: _Build, state: State, roles: _Roles) -> None:
    for environment, role in roles.items():
        stack = build.args.stack_of(environment)
        parts = {
            "reads": reading.statements(build.place),
            "state": state.statements(environment, stack, writes=False),
            "denials": reading.denials(state.read_by_previews(stack), state.key_arn),
        }
        for part, statements in parts.items():
            _inline(build, f"{environment}-preview-{part}", role, statements)
        _attach(build, f"{environment}-preview", role, build.args.environments[environment].preview_policy_arns)


def _deployments(build: _Build, state: State, roles: _Roles) -> None:
    for environment, role in roles.items():
        given = build.args.environments[environment]
        stack = build.args.stack_of(environment)
        _inline(build, f"{environment}-deploy-state", role, state.statements(environment, stack, writes=True))
        _attach(build, f"{environment}-deploy", role, given.deploy_policy_arns)
        for short, text in (given.deploy_policies or {}).items():
            name = f"{build.name}-{environment}-deploy-{short}"
            policy = aws.iam.Policy(name, path=_path(build), policy=text, opts=build.inside)
            aws.iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy.arn, opts=build.inside)


def _pushes(build: _Build, roles: _Roles, repositories: Mapping[str, aws.ecr.Repository]) -> None:
    for environment, role in roles.items():
        if build.args.environments[environment].pushes_images:
            _inline(build, f"{environment}-deploy-images", role, images.pushing(repositories))


def _guard(
    build: _Build,
    state: State,
    provider_arn: pulumi.Output[str],
    all_roles: list[aws.iam.Role],
    deploying: _Roles,
) -> None:
    own = build.place.arn("iam", f"policy{_path(build)}*", region=False)
    for environment, role in deploying.items():
        guarded = guard.Guarded(
            role_arns=[other.arn for other in all_roles],
            policy_arns=[own, *(build.args.environments[environment].deploy_policy_arns or ())],
            provider_arn=provider_arn,
            bucket_arn=state.bucket_arn,
            key_arn=state.key_arn,
            boundary_arn=build.args.permissions_boundary_arn,
        )
        statements = guard.denials(guarded, bounds_made_roles=bool(build.args.bounds_made_roles))
        _inline(build, f"{environment}-deploy-guard", role, statements)


def _path(build: _Build) -> str:
    """Path of the policies made here, by which the guard knows them before they are there."""
    return f"/{build.name}/"


def _inline(build: _Build, suffix: str, role: aws.iam.Role, statements: Iterable[Statement]) -> None:
    """A policy within the role: nobody changes it without the right to change the role."""
    aws.iam.RolePolicy(
        f"{build.name}-{suffix}",
        role=role.name,
        policy=pulumi.Output.json_dumps(document(*statements)),
        opts=build.inside,
    )


def _attach(build: _Build, prefix: str, role: aws.iam.Role, arns: Optional[Iterable[pulumi.Input[str]]]) -> None:
    for at, arn in enumerate(arns or ()):
        aws.iam.RolePolicyAttachment(f"{build.name}-{prefix}-{at}", role=role.name, policy_arn=arn, opts=build.inside)
