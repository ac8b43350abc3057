"""The kind `serverless`: an AWS Lambda function of a container image behind the alias `live`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
import pulumi_aws as aws

from mlplatform.contracts import request_log
from mlplatform.contracts.rollout import MODEL_URI
from mlplatform.core.args import InvalidArgs, applied
from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, fit
from mlplatform.facts.aws.iam import Conditions, Statement, dns_suffix, document, service_trust
from mlplatform.facts.aws.instances import Architecture
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.serving_endpoint.access import ModelSource, read_policies, request_log_policy
from mlplatform.serving_endpoint.rollout import left_alone
from mlplatform.serving_endpoint.serverless_args import Serverless, ServerlessVpc

LIVE: Final = "live"
"""The alias that callers invoke."""
HTTPS: Final = 443

PERIOD_SECONDS: Final = 60
"""How often Lambda sends metrics (AWS Lambda Developer Guide, View metrics for Lambda functions)."""
PERIODS: Final = 5
"""Minutes in a row that something must be wrong before an alarm is raised."""
NEAR: Final = 0.8
"""The part of a limit that is near enough to it for an alarm, and early enough to act."""

# What Lambda does by the role to put a function into a VPC (AWS managed policy AWSLambdaVPCAccessExecutionRole).
_INTERFACES: Final = tuple(
    f"ec2:{action}"
    for action in (
        *("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces"),
        *("DescribeSubnets", "UnassignPrivateIpAddresses"),
    )
)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where the request log goes, and how much of it."""

    bucket: pulumi.Input[str]
    """Name of the feature bucket."""
    key_arn: pulumi.Input[str]
    """KMS key of the feature bucket."""
    sample_percent: pulumi.Input[int]
    """Share of the requests that is logged."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a function needs to know of its endpoint beside its own settings."""

    model: ModelSource
    """The model that is served."""
    request_log: LogTarget | None = None
    """The request log; None for none."""
    alarm_topic_arns: Sequence[pulumi.Input[str]] = ()
    """SNS topics that alarms go to."""
    permissions_boundary_arn: pulumi.Input[str] | None = None
    """Policy that bounds the function's role."""
    rollout: bool = False
    """Whether a rollout owns the live version, its weights and the model after the first deployment."""


@dataclass(frozen=True, slots=True)
class Function:
    """What was made, as far as others need it."""

    name: pulumi.Output[str]
    """Name of the function."""
    alias_arn: pulumi.Output[str]
    """ARN of the alias `live`: what callers invoke."""
    published_version: pulumi.Output[str]
    """Version published last: the live one, or the canary."""
    url: pulumi.Output[str] | None
    """URL of the alias, for callers that sign with IAM; None where an API is in front."""
    role_arn: pulumi.Output[str]
    """ARN of the function's role."""
    role_name: pulumi.Output[str]
    """Name of the function's role."""
    function_name: str
    """Name of the function, known at once."""
    key_arn: pulumi.Output[str]
    """ARN of the key of its environment variables."""


class _Build(Build[Serverless]):
    """One function under construction."""

    @property
    def function_name(self) -> str:
        """Its name, fixed: role, key and log group name the function before it exists."""
        return self.args.function_name or fit(Kind.LAMBDA_FUNCTION, self.name)

    @property
    def function_arn(self) -> pulumi.Output[str]:
        """Its ARN without a version."""
        return self.place.arn("lambda", f"function:{self.function_name}")


def create(component: pulumi.ComponentResource, name: str, args: Serverless, endpoint: Endpoint) -> Function:
    """Makes the function of an endpoint, with everything about it, as children `<name>-...` of the component.

    The component has registered itself and was given an AWS provider.
    """
    build = _Build.of(component, name, args)
    role = _role(build, endpoint)
    key_arn = _key_arn(build, role)
    logs = _log_group(build, key_arn)
    policies = _policies(build, endpoint, role, logs, key_arn)
    function = _function(build, endpoint, role, logs, key_arn, policies)
    alias = _alias(build, endpoint, function)
    url = _ways_in(build, function, alias)
    _alarms(build, endpoint, function)
    return Function(
        name=function.name,
        alias_arn=alias.arn,
        published_version=function.version,
        url=url,
        role_arn=role.arn,
        role_name=role.name,
        function_name=build.function_name,
        key_arn=key_arn,
    )


def _role(build: _Build, endpoint: Endpoint) -> aws.iam.Role:
    # Lambda documents no source conditions for execution roles: narrowed by what is not sent, the role cannot be taken.
    return aws.iam.Role(
        f"{build.name}-function",
        description=f"Lambda function {build.function_name}",
        assume_role_policy=pulumi.Output.json_dumps(service_trust("lambda.amazonaws.com")),
        permissions_boundary=endpoint.permissions_boundary_arn,
        opts=build.inside,
    )


def _log_group_name(build: _Build) -> str:
    # Lambda's own name for it, by which people and tools find it.
    return f"/aws/lambda/{build.function_name}"


def _key_arn(build: _Build, role: aws.iam.Role) -> pulumi.Output[str]:
    if build.args.key_arn is not None:
        return pulumi.Output.from_input(build.args.key_arn)
    group_arn = build.place.arn("logs", f"log-group:{_log_group_name(build)}")
    uses = {KeyUse.LOGS: [group_arn], KeyUse.LAMBDA: [role.arn]}
    description = f"Logs and environment of Lambda function {build.function_name}"
    return encryption_key(f"{build.name}-key", description, uses, place=build.place, opts=build.kept).arn


def _log_group(build: _Build, key_arn: pulumi.Output[str]) -> aws.cloudwatch.LogGroup:
    return aws.cloudwatch.LogGroup(
        f"{build.name}-logs",
        name=_log_group_name(build),
        retention_in_days=build.args.log_retention_days,
        kms_key_id=key_arn,
        deletion_protection_enabled=build.args.deletion_protection,
        opts=build.kept,
    )


def _served(build: _Build, endpoint: Endpoint) -> ModelSource:
    """The model of the version that is published: the canary's, where there is one."""
    version = build.args.canary and build.args.canary.model_version
    return replace(endpoint.model, version=version) if version else endpoint.model


def _policies(
    build: _Build,
    endpoint: Endpoint,
    role: aws.iam.Role,
    logs: aws.cloudwatch.LogGroup,
    key_arn: pulumi.Output[str],
) -> list[aws.iam.RolePolicy]:
    documents = {"runtime": pulumi.Output.json_dumps(document(*_runtime(build, logs, key_arn)))}
    models = (endpoint.model, _served(build, endpoint))
    documents |= read_policies(build.place, models, rollout=endpoint.rollout)
    if endpoint.request_log:
        target = endpoint.request_log
        documents["request-log"] = request_log_policy(
            build.place, build.name, bucket=target.bucket, key_arn=target.key_arn
        )
    return [
        aws.iam.RolePolicy(f"{build.name}-{short}", role=role.name, policy=policy, opts=build.inside)
        for short, policy in documents.items()
    ]


def _runtime(build: _Build, logs: aws.cloudwatch.LogGroup, key_arn: pulumi.Output[str]) -> Iterator[Statement]:
    """What Lambda does by the role for every function."""
    streams = (pulumi.Output.concat(logs.arn, ":*"),)
    yield Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), streams)
    through: Conditions = {"StringEquals": {"kms:ViaService": build.place.host("lambda")}}
    yield Statement("Environment", ("kms:Decrypt",), (key_arn,), conditions=through)
    if build.args.tracing:
        # X-Ray has no resources to name (Service Authorization Reference, AWS X-Ray).
        yield Statement("Traces", ("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",))
    if build.args.vpc:
        # As AWS's own policy has it, but for Lambda alone: its calls have no source function, those of the code do (AWS
        # Lambda Developer Guide, Using source function ARN to control function access behavior).
        code: Conditions = {"ArnEquals": {"lambda:SourceFunctionArn": build.function_arn}}
        yield Statement("Interfaces", _INTERFACES, ("*",))
        yield Statement("NotByCode", _INTERFACES, ("*",), effect="Deny", conditions=code)


def _function(  # noqa: PLR0913, PLR0917 - what it is made of
    build: _Build,
    endpoint: Endpoint,
    role: aws.iam.Role,
    logs: aws.cloudwatch.LogGroup,
    key_arn: pulumi.Output[str],
    policies: Sequence[pulumi.Resource],
) -> aws.lambda_.Function:
    args = build.args
    model = _served(build, endpoint)
    vpc = _vpc(build, args.vpc) if args.vpc else None
    return aws.lambda_.Function(
        f"{build.name}-function",
        name=build.function_name,
        description=f"Model {model.name} of endpoint {build.name}",
        role=role.arn,
        package_type="Image",
        image_uri=_image(build),
        architectures=[(args.architecture or Architecture.X86_64).value],
        memory_size=args.memory_mib,
        timeout=args.timeout_seconds,
        ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=args.ephemeral_storage_mib),
        environment=aws.lambda_.FunctionEnvironmentArgs(variables=_environment(build, endpoint, model)),
        kms_key_arn=key_arn,
        publish=True,
        reserved_concurrent_executions=args.reserved_concurrency,
        tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active" if args.tracing else "PassThrough"),
        # Lambda would make a group by itself, unencrypted and for ever.
        logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=logs.name),
        vpc_config=vpc,
        # Its first instance starts at once: it needs interfaces, logs and the model by then.
        opts=pulumi.ResourceOptions.merge(build.after(*policies), left_alone("function", rollout=endpoint.rollout)),
    )


def _image(build: _Build) -> pulumi.Output[str]:
    canary = build.args.canary
    image = build.args.image if canary is None or canary.image is None else canary.image
    field = f"ServingEndpointArgs.serverless.{'image' if image is build.args.image else 'canary.image'}"
    place = build.place
    everything = pulumi.Output.all(image, place.account_id, place.region)
    return applied(everything, lambda known: _from_here(field, *known))


def _from_here(field: str, image: str, account_id: str, region: str) -> str:
    registry = f"{account_id}.dkr.ecr.{region}.{dns_suffix(region)}"
    if not image.startswith(f"{registry}/"):
        raise InvalidArgs(
            f"{field}: got {image!r}; allowed is an image of {registry}, since Lambda reads its own region's registry "
            "and other accounts must admit it; push or replicate the image there"
        )
    return image


def _environment(build: _Build, endpoint: Endpoint, model: ModelSource) -> dict[str, pulumi.Input[str]]:
    variables: dict[str, pulumi.Input[str]] = {**(build.args.environment or {}), MODEL_URI: model.uri}
    if endpoint.request_log:
        writer = request_log.env(
            bucket=endpoint.request_log.bucket,
            endpoint=build.name,
            model=model.name,
            version=model.version,
            sample_percent=endpoint.request_log.sample_percent,
        )
        variables |= {name: pulumi.Output.from_input(value).apply(str) for name, value in writer.items()}
    return variables


def _vpc(build: _Build, vpc: ServerlessVpc) -> aws.lambda_.FunctionVpcConfigArgs:
    group = aws.ec2.SecurityGroup(
        f"{build.name}-function",
        description=f"Lambda function {build.function_name}: HTTPS to the places named, nothing else",
        vpc_id=vpc.vpc_id,
        opts=build.inside,
    )
    for at, cidr in enumerate(vpc.cidrs):
        _https(build, f"cidr-{at}", group, cidr_ipv4=cidr)
    for at, prefix_list_id in enumerate(vpc.prefix_list_ids):
        _https(build, f"list-{at}", group, prefix_list_id=prefix_list_id)
    return aws.lambda_.FunctionVpcConfigArgs(subnet_ids=vpc.subnet_ids, security_group_ids=[group.id])


def _https(
    build: _Build,
    role: str,
    group: aws.ec2.SecurityGroup,
    *,
    cidr_ipv4: pulumi.Input[str] | None = None,
    prefix_list_id: pulumi.Input[str] | None = None,
) -> None:
    aws.vpc.SecurityGroupEgressRule(
        f"{build.name}-function-{role}",
        security_group_id=group.id,
        description="HTTPS",
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ipv4=cidr_ipv4,
        prefix_list_id=prefix_list_id,
        opts=build.inside,
    )


def weights_of(version: str, percent: float) -> dict[str, float]:
    """The part of the requests that a version gets beside the alias's own, as an alias has it."""
    return {version: percent / 100}


def _alias(build: _Build, endpoint: Endpoint, function: aws.lambda_.Function) -> aws.lambda_.Alias:
    canary, stable = build.args.canary, build.args.stable_version
    routing = None
    if canary:
        weights = pulumi.Output.all(function.version, canary.percent).apply(lambda known: weights_of(*known))
        routing = aws.lambda_.AliasRoutingConfigArgs(additional_version_weights=weights)
    alias = aws.lambda_.Alias(
        f"{build.name}-{LIVE}",
        name=LIVE,
        description=f"What callers of endpoint {build.name} invoke",
        function_name=function.name,
        function_version=function.version if stable is None else stable,
        routing_config=routing,
        opts=pulumi.ResourceOptions.merge(build.inside, left_alone("alias", rollout=endpoint.rollout)),
    )
    if build.args.provisioned_concurrency is not None:
        aws.lambda_.ProvisionedConcurrencyConfig(
            f"{build.name}-provisioned",
            function_name=function.name,
            qualifier=alias.name,
            provisioned_concurrent_executions=build.args.provisioned_concurrency,
            opts=build.inside,
        )
    return alias


def _ways_in(build: _Build, function: aws.lambda_.Function, alias: aws.lambda_.Alias) -> pulumi.Output[str] | None:
    """Lets callers in: an API, or who signs with IAM by a URL, which is the result."""
    if build.args.api_execution_arn is not None:
        aws.lambda_.Permission(
            f"{build.name}-api",
            action="lambda:InvokeFunction",
            function=function.name,
            qualifier=alias.name,
            principal="apigateway.amazonaws.com",
            source_arn=build.args.api_execution_arn,
            opts=build.inside,
        )
        return None
    url = aws.lambda_.FunctionUrl(
        f"{build.name}-url",
        function_name=function.name,
        qualifier=alias.name,
        authorization_type="AWS_IAM",
        opts=build.inside,
    )
    # A URL asks for both actions (AWS Lambda Developer Guide, Control access to Lambda function URLs).
    for at, invoker in enumerate(build.args.invoker_arns or ()):
        aws.lambda_.Permission(
            f"{build.name}-url-{at}",
            action="lambda:InvokeFunctionUrl",
            function=function.name,
            qualifier=alias.name,
            principal=invoker,
            function_url_auth_type="AWS_IAM",
            opts=build.inside,
        )
        aws.lambda_.Permission(
            f"{build.name}-invoke-{at}",
            action="lambda:InvokeFunction",
            function=function.name,
            qualifier=alias.name,
            principal=invoker,
            invoked_via_function_url=True,
            opts=build.inside,
        )
    return url.function_url


@dataclass(frozen=True, slots=True)
class _Watched:
    """A number that must not be above a threshold.

    `AWS/Lambda` has its metrics by function, by alias (`Resource`) and by version that an alias ran (AWS Lambda
    Developer Guide, Types of metrics for Lambda functions).
    """

    role: str
    """Last part of the alarm's logical name."""
    what: str
    """The number, in words."""
    threshold: pulumi.Input[float]
    """The highest number that is well."""
    queries: Sequence[aws.cloudwatch.MetricAlarmMetricQueryArgs]
    """How CloudWatch finds it; one returns it."""


def _alarms(build: _Build, endpoint: Endpoint, function: aws.lambda_.Function) -> None:
    for watched in _watched(build, function):
        aws.cloudwatch.MetricAlarm(
            f"{build.name}-alarm-{watched.role}",
            alarm_description=f"Endpoint {build.name}: {watched.what}",
            metric_queries=watched.queries,
            comparison_operator="GreaterThanThreshold",
            threshold=watched.threshold,
            evaluation_periods=PERIODS,
            # No request, no data: an endpoint that nobody asks is well.
            treat_missing_data="notBreaching",
            alarm_actions=endpoint.alarm_topic_arns,
            ok_actions=endpoint.alarm_topic_arns,
            opts=build.inside,
        )


def _watched(build: _Build, function: aws.lambda_.Function) -> Iterator[_Watched]:
    args = build.args
    by_function: dict[str, pulumi.Input[str]] = {"FunctionName": build.function_name}
    by_alias = {**by_function, "Resource": f"{build.function_name}:{LIVE}"}
    errors = pulumi.Output.from_input(args.max_error_percent).apply(lambda percent: float(percent or 0))
    slow = pulumi.Output.from_input(args.timeout_seconds).apply(lambda seconds: (seconds or 0) * 1000 * NEAR)
    full = args.reserved_concurrency * NEAR
    yield _Watched("errors", "share of failed requests in percent", errors, _failed(by_alias))
    yield _Watched("throttles", "requests refused with 429", 0, [_metric("Throttles", "Sum", by_alias)])
    yield _Watched("duration", "99th percentile in ms near the timeout", slow, [_metric("Duration", "p99", by_alias)])
    busy = [_metric("ConcurrentExecutions", "Maximum", by_function)]
    yield _Watched("concurrency", "requests at once near the reserved concurrency", full, busy)
    if args.canary:
        by_version = {**by_alias, "ExecutedVersion": function.version}
        yield _Watched("canary-errors", "share of the canary's failed requests in percent", errors, _failed(by_version))


def _failed(dimensions: Mapping[str, pulumi.Input[str]]) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    share = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="share", expression="100 * errors / invocations", label="Failed requests in percent", return_data=True
    )
    return [
        _metric("Errors", "Sum", dimensions, shown=False),
        _metric("Invocations", "Sum", dimensions, shown=False),
        share,
    ]


def _metric(
    name: str, statistic: str, dimensions: Mapping[str, pulumi.Input[str]], *, shown: bool = True
) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    metric = aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
        namespace="AWS/Lambda", metric_name=name, dimensions=dimensions, stat=statistic, period=PERIOD_SECONDS
    )
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(id=name.lower(), metric=metric, return_data=shown)
