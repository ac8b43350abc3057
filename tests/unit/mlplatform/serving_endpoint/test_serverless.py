"""ServingEndpoint of the kind `serverless`: the function, its alias and version, who may call it, what is watched."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components import with_values
from examples.serving_endpoint import (
    API,
    BOUNDARY,
    CALLER,
    FEATURES_KEY,
    IMAGE,
    MODEL,
    MODELS_KEY,
    NEXT,
    SERVERLESS,
    STORES,
    TOPIC,
)
from mlplatform.serving_endpoint import ServingEndpoint, ServingEndpointArgs
from mlplatform.serving_endpoint.serverless import weights_of
from promises import covers
from recorded import Recorded, Refused, absent, record, unknown
from serving import graph_of, outputs

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

SMALLEST: dict[str, Any] = {
    "model": MODEL,
    "serverless": {"image": IMAGE, "reserved_concurrency": 20},
    "model_bucket_name": "models",
    "model_key_arn": MODELS_KEY,
}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:x"


def changed(**settings: Any) -> Recorded:
    """The smallest function with settings of its own."""
    return graph_of(with_values(SMALLEST, {f"serverless.{name}": value for name, value in settings.items()}))


def policies(graph: Recorded) -> dict[str, dict[tuple[str, ...], list[str]]]:
    return {
        node["name"]: {
            tuple(statement["Action"]): statement["Resource"]
            for statement in json.loads(node["inputs"]["policy"])["Statement"]
        }
        for node in graph.all(POLICY)
    }


def alarms(graph: Recorded) -> dict[str, Mapping[str, Any]]:
    return {node["name"].removeprefix("x-alarm-"): node["inputs"] for node in graph.all(ALARM)}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(SERVERLESS)


# --- function


@covers(
    "serving-endpoint.lambda",
    field="ServingEndpointArgs.serverless.image, ServingEndpointArgs.serverless.memory_mib",
    ends_in="aws:lambda/function:Function.imageUri",
)
@covers(
    "serving-endpoint.concurrency",
    field="ServingEndpointArgs.serverless.reserved_concurrency",
    ends_in="aws:lambda/function:Function.reservedConcurrentExecutions",
)
def test_function_is_of_the_image_and_publishes_versions(smallest: Recorded) -> None:
    smallest.has(
        FUNCTION,
        {
            "name": "x",
            "packageType": "Image",
            "imageUri": IMAGE,
            "architectures": ["x86_64"],
            "memorySize": 1769,
            "timeout": 30,
            "ephemeralStorage": {"size": 512},
            "publish": True,
            "reservedConcurrentExecutions": 20,
            "tracingConfig": {"mode": "Active"},
            "environment": {"variables": {"MODEL_URI": "s3://models/fraud/17/"}},
            "vpcConfig": absent,
        },
    )


def test_first_deployment_needs_nothing_that_is_not_there(smallest: Recorded) -> None:
    # The alias follows the version that the function publishes, by whatever number that has.
    smallest.has(ALIAS, {"functionVersion": unknown, "routingConfig": absent})
    assert smallest.one(ALIAS)["property_dependencies"]["functionVersion"] == [smallest.one(FUNCTION)["urn"]]


@covers(
    "serving-endpoint.log-group",
    field="ServingEndpointArgs.serverless.log_retention_days, ServingEndpointArgs.serverless.key_arn",
    ends_in="aws:cloudwatch/logGroup:LogGroup.kmsKeyId",
)
def test_logs_are_encrypted_kept_for_a_while_and_there_before_the_function(smallest: Recorded) -> None:
    key = smallest.one(KEY)["outputs"]["arn"]
    smallest.has(
        LOG_GROUP,
        {"name": "/aws/lambda/x", "retentionInDays": 90, "kmsKeyId": key, "deletionProtectionEnabled": True},
        protect=True,
        retain_on_delete=True,
    )
    smallest.has(FUNCTION, {"kmsKeyArn": key, "loggingConfig": {"logFormat": "JSON", "logGroup": "/aws/lambda/x"}})
    assert smallest.one(LOG_GROUP)["urn"] in smallest.one(FUNCTION)["dependencies"]


def test_key_admits_logs_and_the_functions_role(smallest: Recorded) -> None:
    statements = {statement["Sid"]: statement for statement in smallest.statements(KEY)}
    assert set(statements) == {"AccountByIamPolicies", "Logs", "Lambda"}
    assert statements["Lambda"]["Principal"] == {"AWS": [outputs(smallest)["role_arn"]]}


def test_key_given_is_used_and_none_is_made() -> None:
    graph = changed(key_arn=MODELS_KEY)
    assert graph.count(KEY) == 0
    graph.has(LOG_GROUP, {"kmsKeyId": MODELS_KEY})
    graph.has(FUNCTION, {"kmsKeyArn": MODELS_KEY})


def test_throw_away_function_is_not_protected() -> None:
    graph = changed(deletion_protection=False)
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []
    graph.has(LOG_GROUP, {"deletionProtectionEnabled": False})


@covers(
    "serving-endpoint.read",
    field="ServingEndpointArgs.model.name, ServingEndpointArgs.model.version",
    ends_in="aws:iam/rolePolicy:RolePolicy.policy",
)
def test_role_reads_its_versions_and_writes_its_log_and_its_logs(full: Recorded) -> None:
    found = policies(full)
    runtime = found.pop("x-runtime")
    assert found == {
        **{
            f"x-model-{version}": {
                ("s3:GetObject",): [f"arn:aws:s3:::models/fraud/{version}/*"],
                ("s3:ListBucket",): ["arn:aws:s3:::models"],
                ("kms:Decrypt",): [MODELS_KEY],
            }
            for version in ("17", "18")
        },
        "x-request-log": {
            ("s3:PutObject",): ["arn:aws:s3:::features/requests/x/*"],
            ("kms:GenerateDataKey",): [FEATURES_KEY],
        },
    }
    streams = [f"{full.one(LOG_GROUP)['outputs']['arn']}:*"]
    assert runtime["logs:CreateLogStream", "logs:PutLogEvents"] == streams
    assert runtime["kms:Decrypt",] == [full.one(KEY)["outputs"]["arn"]]
    for node in full.all(POLICY):
        assert node["urn"] in full.one(FUNCTION)["dependencies"]


def test_code_cannot_use_what_lambda_needs_for_the_vpc(full: Recorded) -> None:
    statements = {statement["Sid"]: statement for statement in full.statements(POLICY, "x-runtime")}
    denied = statements["NotByCode"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", statements["Interfaces"]["Action"])
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": FUNCTION_ARN}}


def test_without_vpc_and_traces_the_role_does_less() -> None:
    assert set(policies(changed(tracing=False))["x-runtime"]) == {
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        ("kms:Decrypt",),
    }


def test_role_has_the_boundary_given() -> None:
    graph = graph_of({**SMALLEST, "permissions_boundary_arn": BOUNDARY})
    graph.has(ROLE, {"permissionsBoundary": BOUNDARY})


@covers(
    "serving-endpoint.request-log",
    field="ServingEndpointArgs.request_log.sample_percent",
    ends_in="aws:lambda/function:Function.environment.variables",
)
def test_writer_in_the_image_is_told_where_the_log_lies(full: Recorded) -> None:
    assert full.inputs(FUNCTION)["environment"]["variables"] == {
        "MODEL_URI": "s3://models/fraud/18/",
        "REQUEST_LOG_BUCKET": "features",
        "REQUEST_LOG_PREFIX": "requests/x/",
        "REQUEST_LOG_SAMPLE_PERCENT": "100",
        "REQUEST_LOG_MODEL_VERSION": "fraud/18",
        "REQUEST_LOG_SCHEMA_VERSION": "1",
    }


@covers(
    "serving-endpoint.vpc",
    field="ServingEndpointArgs.serverless.vpc",
    ends_in="aws:lambda/function:Function.vpcConfig",
)
def test_in_a_vpc_it_reaches_https_at_the_places_named_and_nobody_reaches_it(full: Recorded) -> None:
    group = full.one(GROUP)
    assert group["inputs"]["vpcId"] == "vpc-0a1b2c3d"
    assert not {"ingress", "egress"} & set(group["inputs"])
    full.has(FUNCTION, {"vpcConfig": {"subnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}})
    assert full.inputs(FUNCTION)["vpcConfig"]["securityGroupIds"] == [group["id"]]
    found = [
        (node["inputs"].get("cidrIpv4"), node["inputs"].get("prefixListId"), node["inputs"]["toPort"])
        for node in full.all(EGRESS)
    ]
    assert sorted(found, key=str) == [("10.0.0.0/16", None, 443), (None, "pl-0a1b2c3d", 443)]


# --- versions


@covers(
    "serving-endpoint.alias",
    field="ServingEndpointArgs.serverless.stable_version",
    ends_in="aws:lambda/alias:Alias.functionVersion",
)
@covers(
    "serving-endpoint.weighted",
    field="ServingEndpointArgs.serverless.canary.percent",
    ends_in="aws:lambda/alias:Alias.routingConfig.additionalVersionWeights",
)
def test_alias_keeps_the_stable_version_beside_a_canary(full: Recorded) -> None:
    wanted = {"name": "live", "functionVersion": "7", "routingConfig": {"additionalVersionWeights": unknown}}
    full.has(ALIAS, wanted, name="x-live")
    assert weights_of("8", 5) == {"8": 0.05}
    assert full.inputs(FUNCTION)["imageUri"] == IMAGE


def test_stable_version_alone_holds_or_brings_back_a_version() -> None:
    graph = changed(stable_version="6")
    graph.has(ALIAS, {"functionVersion": "6", "routingConfig": absent})


def test_canary_has_its_image() -> None:
    graph = changed(stable_version="7", canary={"image": NEXT, "percent": 5})
    graph.has(FUNCTION, {"imageUri": NEXT, "environment": {"variables": {"MODEL_URI": "s3://models/fraud/17/"}}})


def test_instances_are_kept_ready_at_the_alias() -> None:
    graph = changed(provisioned_concurrency=5)
    graph.has(PROVISIONED, {"functionName": "x", "qualifier": "live", "provisionedConcurrentExecutions": 5})


@pytest.mark.parametrize(
    ("image", "field"),
    [
        ({"image": IMAGE.replace("us-east-1", "eu-west-1")}, "image"),
        ({"image": IMAGE.replace("123456789012", "111122223333")}, "image"),
        (
            {"stable_version": "7", "canary": {"image": NEXT.replace("us-east-1", "eu-west-1"), "percent": 5}},
            "canary.image",
        ),
    ],
)
def test_image_lies_in_the_registry_of_account_and_region(image: dict[str, Any], field: str) -> None:
    given = {"image": IMAGE, **image}
    bad = given["canary"]["image"] if field == "canary.image" else given["image"]
    with pytest.raises(Refused) as refused:
        changed(**given)
    assert str(refused.value) == (
        f"ServingEndpointArgs.serverless.{field}: got {bad!r}; allowed is an image of "
        "123456789012.dkr.ecr.us-east-1.amazonaws.com, since Lambda reads its own region's registry and other accounts "
        "must admit it; push or replicate the image there"
    )


# --- callers


@covers(
    "serving-endpoint.url",
    field="ServingEndpointArgs.serverless.invoker_arns",
    ends_in="aws:lambda/functionUrl:FunctionUrl.authorizationType",
)
def test_callers_sign_with_iam_and_the_named_ones_have_both_rights(full: Recorded) -> None:
    full.has(URL, {"functionName": "x", "qualifier": "live", "authorizationType": "AWS_IAM"})
    assert {
        (node["inputs"]["action"], node["inputs"]["principal"], node["inputs"]["qualifier"])
        for node in full.all(PERMISSION)
    } == {("lambda:InvokeFunctionUrl", CALLER, "live"), ("lambda:InvokeFunction", CALLER, "live")}
    full.has(PERMISSION, {"functionUrlAuthType": "AWS_IAM"}, name="x-url-0")
    full.has(PERMISSION, {"invokedViaFunctionUrl": True}, name="x-invoke-0")


def test_nobody_may_call_who_is_not_named(smallest: Recorded) -> None:
    assert (smallest.count(URL), smallest.count(PERMISSION)) == (1, 0)


def test_an_api_is_in_front_instead() -> None:
    graph = changed(api_execution_arn=API)
    assert graph.count(URL) == 0
    graph.has(
        PERMISSION, {"principal": "apigateway.amazonaws.com", "sourceArn": API, "qualifier": "live"}, name="x-api"
    )
    assert outputs(graph)["address"] == outputs(graph)["function"]["alias_arn"]


def test_outputs_name_the_function(smallest: Recorded) -> None:
    made = outputs(smallest)
    assert made["function"]["name"] == "x"
    assert made["function"]["alias_arn"] == smallest.one(ALIAS)["outputs"]["arn"]
    assert made["version"] == unknown_text()
    assert made["kubernetes"] == {}


# --- alarms


@covers(
    "serving-endpoint.alarms",
    field="ServingEndpointArgs.serverless.max_error_percent, ServingEndpointArgs.alarm_topic_arns",
    ends_in="aws:cloudwatch/metricAlarm:MetricAlarm.alarmActions",
)
def test_alarms_of_errors_throttles_time_and_limit_go_to_the_topics(full: Recorded) -> None:
    found = alarms(full)
    assert {role: inputs["threshold"] for role, inputs in found.items()} == {
        "errors": 5,
        "throttles": 0,
        "duration": 24000,
        "concurrency": 16,
        "canary-errors": 5,
    }
    for inputs in found.values():
        assert (inputs["alarmActions"], inputs["okActions"]) == ([TOPIC], [TOPIC])
        assert (inputs["treatMissingData"], inputs["evaluationPeriods"]) == ("notBreaching", 5)
        assert sum(query["returnData"] for query in inputs["metricQueries"]) == 1


def test_errors_are_a_share_of_the_requests_to_the_alias(smallest: Recorded) -> None:
    errors, invocations, share = alarms(smallest)["errors"]["metricQueries"]
    assert errors["metric"] == {
        "namespace": "AWS/Lambda",
        "metricName": "Errors",
        "dimensions": {"FunctionName": "x", "Resource": "x:live"},
        "stat": "Sum",
        "period": 60,
    }
    assert invocations["metric"]["metricName"] == "Invocations"
    assert (share["id"], share["expression"]) == ("share", "100 * errors / invocations")
    assert {errors["id"], invocations["id"]} == {"errors", "invocations"}


def test_canary_is_watched_by_the_version_that_ran(full: Recorded) -> None:
    errors = alarms(full)["canary-errors"]["metricQueries"][0]["metric"]
    assert errors["dimensions"] == {"FunctionName": "x", "Resource": "x:live", "ExecutedVersion": unknown_text()}


def unknown_text() -> Any:
    """What the record has for a value that AWS computes."""
    return json.loads(json.dumps(graph_of(SMALLEST).inputs(ALIAS)["functionVersion"]))


def test_without_topics_alarms_are_there_to_be_seen(smallest: Recorded) -> None:
    assert set(alarms(smallest)) == {"errors", "throttles", "duration", "concurrency"}
    assert alarms(smallest)["errors"]["alarmActions"] == []


def test_outputs_are_taken_where_values_are() -> None:
    later = pulumi.Output.from_input

    def made() -> None:
        settings = {"image": later(IMAGE), "reserved_concurrency": 20, "timeout_seconds": later(60)}
        given = {"model": MODEL, "serverless": settings, **{key: later(value) for key, value in STORES.items()}}
        ServingEndpoint("x", ServingEndpointArgs.of({**given, "request_log": {"sample_percent": later(10)}}))

    graph = record(made)
    assert alarms(graph)["duration"]["threshold"] == 48000
    assert graph.inputs(FUNCTION)["environment"]["variables"]["REQUEST_LOG_SAMPLE_PERCENT"] == "10"
