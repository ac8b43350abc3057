"""What a serverless endpoint needs to know: an AWS Lambda function of a container image."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.contracts import request_log
from mlplatform.contracts.rollout import MODEL_URI
from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching, one_of
from mlplatform.core.identifiers import IPV4_CIDR, PRINCIPAL_ARN, SUBNET, VPC
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.instances import Architecture
from mlplatform.facts.aws.logs import RETENTION_DAYS
from mlplatform.serving_endpoint.access import MODEL_VERSION

# AWS Lambda Developer Guide, Lambda quotas.
TIMEOUT_SECONDS = 900
MEMORY_MIB = (128, 10_240)
STORAGE_MIB = (512, 10_240)

ONE_CPU_MIB = 1_769
"""Memory at which a function has one vCPU (AWS Lambda Developer Guide, Configure Lambda function memory)."""
LOG_RETENTION_DAYS = 90

# AWS Lambda Developer Guide, Working with Lambda environment variables: set by Lambda, refused in a configuration.
RESERVED_VARIABLES = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)
OWN_VARIABLES = frozenset((MODEL_URI, *request_log.VARIABLES))

IMAGE = matching(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z.]+/[a-z0-9][a-z0-9._/-]*@sha256:[0-9a-f]{64}",
    "an image of a private ECR by its digest, the only registry that Lambda takes, such as "
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>",
)
VERSION = matching(r"[1-9]\d*", "the number of a published version, quoted, such as '7'")
VARIABLE = matching(r"[A-Za-z][A-Za-z0-9_]+", "letters, digits and _, first a letter, such as FEATURE_TABLE")
API = matching(
    r"arn:aws[a-z-]*:execute-api:[a-z0-9-]+:\d{12}:[a-z0-9]+/[^/]+/.+",
    "the execution ARN of an API with stage and route, such as "
    "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/*/POST/predict",
)
PREFIX_LIST = matching(r"pl-[0-9a-f]+", "the id of a prefix list, such as pl-0123456789abcdef0")


def _timeout(value: int) -> int:
    if not 1 <= value <= TIMEOUT_SECONDS:
        raise ValueError(
            f"got {value}; allowed are 1 to {TIMEOUT_SECONDS} seconds, Lambda's limit; serve what takes longer by "
            "kserve or container"
        )
    return value


def _variables(values: Mapping[str, object]) -> Mapping[str, object]:
    for name in values:
        VARIABLE(name)
        if name in RESERVED_VARIABLES | OWN_VARIABLES:
            who = "Lambda" if name in RESERVED_VARIABLES else "the endpoint"
            raise ValueError(f"got {name!r}, which {who} sets; allowed are other names; take it out")
    return values


def _some(values: Sequence[In[str]]) -> Sequence[In[str]]:
    if not values:
        raise ValueError("got none; allowed are one or more, in different zones; name the private subnets")
    return values


class ServerlessCanary(Args):
    """A newer version of the function, which gets a share of the requests. It differs in model or image, or both."""

    model_version: Optional[str] = None
    """Version of the endpoint's model that it serves; the endpoint's by default."""
    image: Optional[In[str]] = None
    """Image of its server, by digest; the function's by default."""
    percent: In[int]
    """Share of the requests that it gets, 1 to 99 percent; the stable version gets the rest."""

    _version = checked(MODEL_VERSION, "model_version")
    _image = checked(IMAGE, "image")
    _percent = checked(between(1, 99, "percent"), "percent")

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.model_version is None and self.image is None:
            raise ValueError("neither model_version nor image: it would be the stable version; set what differs")
        return self


class ServerlessVpc(Args):
    """The VPC in which a function reaches private addresses.

    It has a security group of its own, which admits nobody and lets it reach HTTPS at the places named, nothing else.
    """

    vpc_id: In[str]
    """Id of the VPC."""
    subnet_ids: Sequence[In[str]]
    """Ids of private subnets, one a zone; without two zones an outage of one stops the endpoint."""
    cidrs: Sequence[In[str]]
    """IPv4 ranges that it may reach on port 443: the VPC's own, for interface endpoints."""
    prefix_list_ids: Sequence[In[str]]
    """Ids of prefix lists that it may reach on port 443: S3's, since gateway endpoints keep S3's public addresses and
    the model lies there. May be empty where S3 has an interface endpoint."""

    _vpc = checked(VPC, "vpc_id")
    _subnets = checked(each(SUBNET), "subnet_ids")
    _lists = checked(each(PREFIX_LIST), "prefix_list_ids")
    _cidrs = checked(each(IPV4_CIDR), "cidrs")
    _some_subnets = checked(_some, "subnet_ids")
    _distinct = checked(distinct, "subnet_ids", "cidrs", "prefix_list_ids")


class Serverless(Args):
    """A server in an AWS Lambda function behind the alias `live`, for models that answer on a CPU within 15 minutes.

    Every change publishes a version. Without `stable_version` the newest one is live at once.
    """

    image: In[str]
    """Image of the server in the private ECR of this account and region, by digest, of one architecture and at most
    10 GB; beside a canary with its own image, that of the stable version. It has a runtime interface client, reads its
    model from MODEL_URI and runs on a read-only file system with /tmp. A request log's writer is a part of it:
    functions of images take no layers."""
    reserved_concurrency: int
    """Requests that are answered at once at most, 1 or more; what comes above gets 429. Required and without default:
    it is the ceiling of the cost, and a part of the account's quota that no other function can take. Plain, since the
    quotas of an account are planned by it; AWS keeps 100 of them unreserved."""
    architecture: Optional[Architecture] = Architecture.X86_64
    """Architecture that the image was built for; x86_64 by default, as most images are. arm64 costs less a second."""
    memory_mib: Optional[In[int]] = ONE_CPU_MIB
    """Memory in MiB, 128 to 10240; 1769 by default, with which a function has one vCPU. CPU grows with it."""
    timeout_seconds: Optional[In[int]] = 30
    """Seconds that a request may take, 1 to 900; 30 by default: whoever waits longer for a prediction has gone, and a
    request that hangs is paid until then. The first request of an instance also loads the model."""
    ephemeral_storage_mib: Optional[In[int]] = STORAGE_MIB[0]
    """Size of /tmp in MiB, 512 to 10240; 512 by default, which costs nothing. A model that is unpacked there needs
    more."""
    environment: Optional[Mapping[str, In[str]]] = {}
    """Further environment variables; none by default. No secrets: name where they lie, the server reads them."""
    function_name: Optional[str] = None
    """Name of the function, the endpoint's by default. Its log group is named by it, so it is unique in account and
    region: set it where two environments share an account. A change replaces the function, its URL and its logs, and
    needs `deletion_protection` off."""
    stable_version: Optional[In[str]] = None
    """Published version that the alias `live` points to; the newest by default, also at the first deployment. Set it to
    hold or to bring back a version, with the `model` that this version serves: only that one can be read."""
    canary: Optional[ServerlessCanary] = None
    """A newer version beside the stable one; none by default. What is published then is the canary, so it needs
    `stable_version`; to promote it, move its model and image to the endpoint and take both out."""
    provisioned_concurrency: Optional[int] = None
    """Instances that are kept ready, at most `reserved_concurrency`, paid whether used or not; none by default: the
    first request of an instance then waits for the model. `pulumi up` waits until they have started, and a handler that
    loads its model at the start fails without it: put the model under its key first. Not together with weights on the
    alias: Lambda refuses both (Invalid alias configuration for Provisioned Concurrency)."""
    invoker_arns: Optional[Sequence[In[str]]] = []
    """Roles and users that may call the function's URL by the function's own policy, such as those of other accounts;
    none by default. Those of this account may have `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction` by theirs."""
    api_execution_arn: Optional[In[str]] = None
    """Execution ARN of an API Gateway's route that invokes the alias; then there is no URL. None by default: the alias
    has a URL whose callers sign with IAM."""
    vpc: Optional[ServerlessVpc] = None
    """The VPC where the function works; none by default: S3 and the other AWS services are reached without one, by TLS
    and IAM, and with one every address that it needs must be opened."""
    tracing: Optional[bool] = True
    """Whether Lambda sends traces to X-Ray; on by default, which samples: one request a second, and 5 % of the rest."""
    max_error_percent: Optional[In[int]] = 5
    """Share of failed requests above which an alarm is raised, 1 to 100 percent, five minutes in a row; 5 by default,
    which a single bad request among few does not hold for that long."""
    log_retention_days: Optional[In[int]] = LOG_RETENTION_DAYS
    """Days that logs are kept, one of the periods of CloudWatch Logs; 90 by default: long enough to look into an
    incident."""
    key_arn: Optional[In[str]] = None
    """KMS key of logs, environment variables and Lambda's copy of the image; an own one by default, rotated every year.
    One given must admit CloudWatch Logs and Lambda."""
    deletion_protection: Optional[bool] = True
    """Whether logs and their key are protected from deletion, by AWS and by Pulumi, and kept when they leave the
    program; on by default. Off is for throw-away environments."""

    _image = checked(IMAGE, "image")
    _concurrency = checked(at_least(1, "requests at once"), "reserved_concurrency", "provisioned_concurrency")
    _memory = checked(between(*MEMORY_MIB, "MiB"), "memory_mib")
    _timeout = checked(_timeout, "timeout_seconds")
    _storage = checked(between(*STORAGE_MIB, "MiB"), "ephemeral_storage_mib")
    _environment = checked(_variables, "environment")
    _name = checked(partial(check, Kind.LAMBDA_FUNCTION), "function_name")
    _stable = checked(VERSION, "stable_version")
    _invokers = checked(each(PRINCIPAL_ARN), "invoker_arns")
    _distinct = checked(distinct, "invoker_arns")
    _api = checked(API, "api_execution_arn")
    _errors = checked(between(1, 100, "percent"), "max_error_percent")
    _retention = checked(one_of(RETENTION_DAYS, "the periods of CloudWatch Logs, in days"), "log_retention_days")
    _key = checked(KEY_ARN, "key_arn")

    @model_validator(mode="before")
    @classmethod
    def _no_gpu(cls, values: Any) -> Any:
        asked = sorted(name for name in values if "gpu" in str(name).lower()) if isinstance(values, Mapping) else []
        if asked:
            raise ValueError(f"got {', '.join(asked)}: Lambda has no GPU; serve by kserve or container instead")
        return values

    @model_validator(mode="after")
    def _within_the_reservation(self) -> Self:
        if (self.provisioned_concurrency or 0) > self.reserved_concurrency:
            raise ValueError(
                f"provisioned_concurrency {self.provisioned_concurrency} and reserved_concurrency "
                f"{self.reserved_concurrency}: more would be kept ready than may answer; lower the first or raise the "
                "second"
            )
        return self

    @model_validator(mode="after")
    def _stable_beside_canary(self) -> Self:
        if self.canary is None:
            return self
        if self.stable_version is None:
            raise ValueError(
                "canary without stable_version: the newest version is the canary; set stable_version to the version "
                "that is live now"
            )
        if self.provisioned_concurrency is not None:
            raise ValueError(
                "canary and provisioned_concurrency: Lambda refuses weights on an alias that keeps instances ready; "
                "take one of them out"
            )
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.api_execution_arn is not None and self.invoker_arns:
            raise ValueError(
                "invoker_arns and api_execution_arn: with an API there is no URL to invoke; take one of them out"
            )
        return self

    def refuse_contradictions(self, *, image: object, model_version: str, rollout: bool) -> None:
        """ValueError where the function does not go together with what the endpoint says of its model and rollout."""
        canary = self.canary
        if canary and canary.model_version in {None, model_version} and canary.image in (None, image):
            raise ValueError(
                f"serverless.canary has model version {model_version!r} and image of the stable version: allowed is a "
                "canary that differs; set another model_version or image"
            )
        if rollout and self.provisioned_concurrency is not None:
            raise ValueError(
                "rollout and serverless.provisioned_concurrency: a rollout moves weights, which Lambda refuses on "
                "an alias that keeps instances ready; take one of them out"
            )
