"""What each AWS resource is paid for: one function a type that yields charges."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from mlplatform.cost.model import Range, Resource
from mlplatform.cost.stack import Stack

MIB_OF_GIB: Final = 1024
FUNCTION_MEMORY_MIB: Final = 128
"""Memory of a Lambda function that names none (default of pulumi-aws' `memorySize`)."""
POSTGRES: Final = "postgres"


@dataclass(frozen=True, slots=True)
class Charge:
    """So many units of something a month, before its price is known."""

    price: str
    """Key of the price."""
    what: str
    """What is counted."""
    quantity: Range | None
    """None where it depends on what nobody has said."""
    usage: str = ""
    """Name of the assumption that says it; empty where none does."""
    note: str = ""


Charges = Iterator[Charge]
Service = Callable[[Stack, Resource], Charges]


def hours(stack: Stack, count: Range | int = 1) -> Range:
    """Hours of a month of so many things."""
    many = count if isinstance(count, Range) else Range.of(count)
    return many * stack.settings.assumptions.hours


def by_use(stack: Stack, price: str, what: str, usage: str, factor: Decimal | int = 1) -> Charge:
    """A charge by assumed use."""
    used = stack.used(usage)
    return Charge(price, what, used * factor if used else None, usage)


def _cluster(stack: Stack, _: Resource) -> Charges:
    yield Charge("eks.cluster_hour", "control plane, hours", hours(stack))


def _nat(stack: Stack, _: Resource) -> Charges:
    yield Charge("nat.hour", "NAT gateway, hours", hours(stack))
    yield by_use(stack, "nat.gib", "NAT traffic, GiB", "nat_gib")


def _address(stack: Stack, _: Resource) -> Charges:
    yield Charge("public_ipv4.hour", "public IPv4 address, hours", hours(stack))


def _endpoint(stack: Stack, endpoint: Resource) -> Charges:
    if endpoint.inputs.get("vpcEndpointType") != "Interface":
        return  # gateway endpoints are free
    subnets = endpoint.inputs.get("subnetIds")
    zones = len(subnets) if isinstance(subnets, list) else 1
    yield Charge("vpc_endpoint.zone_hour", f"interface endpoint in {zones} zones, hours", hours(stack, zones))
    yield by_use(stack, "vpc_endpoint.gib", "endpoint traffic, GiB", "vpc_endpoint_gib")


def _key(*_: Any) -> Charges:
    yield Charge("kms.key_month", "key, months", Range.of(1))


def _secret(*_: Any) -> Charges:
    yield Charge("secrets.month", "secret, months", Range.of(1))


def _log_group(stack: Stack, _: Resource) -> Charges:
    yield by_use(stack, "logs.ingested_gib", "logs taken in, GiB", "logs_ingested_gib")
    yield by_use(stack, "logs.stored_gib_month", "logs kept, GiB", "logs_stored_gib")


def _bucket(stack: Stack, _: Resource) -> Charges:
    yield by_use(stack, "s3.gib_month", "objects kept, GiB", "s3_gib")
    yield by_use(stack, "s3.put_thousand", "writes, thousands", "s3_put_thousands")
    yield by_use(stack, "s3.get_thousand", "reads, thousands", "s3_get_thousands")


def _table(stack: Stack, table: Resource) -> Charges:
    yield by_use(stack, "dynamodb.gib_month", "items kept, GiB", "dynamodb_gib")
    if (table.inputs.get("pointInTimeRecovery") or {}).get("enabled"):
        yield by_use(stack, "dynamodb.pitr_gib_month", "continuous backup, GiB", "dynamodb_gib")
    if table.inputs.get("billingMode") == "PAY_PER_REQUEST":
        yield by_use(stack, "dynamodb.read_million", "read units, millions", "dynamodb_read_millions")
        yield by_use(stack, "dynamodb.write_million", "write units, millions", "dynamodb_write_millions")
        return
    for unit in ("read", "write"):
        count = table.inputs.get(f"{unit}Capacity")
        given = count if isinstance(count, int) else 0
        yield Charge(f"dynamodb.{unit}_capacity_hour", f"{unit} capacity units, hours", hours(stack, given))


def _database(stack: Stack, database: Resource) -> Charges:
    zones = "multi_az" if database.inputs.get("multiAz") else "single_az"
    kind, engine = database.inputs.get("instanceClass"), database.inputs.get("engine", "")
    # The tables' prices are PostgreSQL's, so another engine has a key of its own.
    named = kind if engine == POSTGRES else f"{engine}.{kind}"
    yield Charge(f"rds.{named}.{zones}_hour", f"database {kind}, {zones}, hours", hours(stack))
    size, largest = database.inputs.get("allocatedStorage") or 0, database.inputs.get("maxAllocatedStorage") or 0
    room = Range(Decimal(size), Decimal(size), Decimal(max(size, largest)))
    storage = database.inputs.get("storageType") or "gp2"
    yield Charge(f"rds.{storage}.{zones}_gib_month", f"database storage {storage}, GiB", room)


def _load_balancer(stack: Stack, balancer: Resource) -> Charges:
    return _balanced(stack, balancer.inputs.get("loadBalancerType") or "application")


def _gateway(stack: Stack, _: Resource) -> Charges:
    # Its controller asks for a Service of type LoadBalancer.
    return _balanced(stack, "network")


def _service(stack: Stack, service: Resource) -> Charges:
    balanced = (service.inputs.get("spec") or {}).get("type") == "LoadBalancer"
    return _balanced(stack, "network") if balanced else iter(())


def _balanced(stack: Stack, kind: str) -> Charges:
    yield Charge(f"load_balancer.{kind}_hour", f"{kind} load balancer, hours", hours(stack))
    used = stack.used("load_balancer_lcus")
    units = hours(stack, used) if used else None
    yield Charge(f"load_balancer.{kind}_lcu_hour", f"{kind} capacity units, hours", units, "load_balancer_lcus")


def _function(stack: Stack, function: Resource) -> Charges:
    yield by_use(stack, "lambda.request_million", "requests, millions", "lambda_millions")
    requests, seconds = stack.used("lambda_millions"), stack.used("lambda_seconds")
    missing = "lambda_seconds" if requests else "lambda_millions"
    memory = Decimal(function.inputs.get("memorySize") or FUNCTION_MEMORY_MIB) / MIB_OF_GIB
    duration = requests * seconds * 1_000_000 * memory if requests and seconds else None
    architecture = (function.inputs.get("architectures") or ["x86_64"])[0]
    yield Charge(f"lambda.{architecture}_gib_second", f"run time on {architecture}, GiB-seconds", duration, missing)


def _queue(stack: Stack, queue: Resource) -> Charges:
    price = "sqs.fifo_request_million" if queue.inputs.get("fifoQueue") else "sqs.request_million"
    yield by_use(stack, price, "requests, millions", "sqs_millions")


def _alarm(_: Stack, alarm: Resource) -> Charges:
    queries = [query for query in alarm.inputs.get("metricQueries") or [] if query.get("metric")]
    yield Charge("cloudwatch.alarm_month", "alarm metrics, months", Range.of(len(queries) or 1))


def _volume(_: Stack, volume: Resource) -> Charges:
    kind = volume.inputs.get("type") or "gp2"
    yield Charge(f"ebs.{kind}_gib_month", f"volume {kind}, GiB", Range.of(volume.inputs.get("size") or 0))


SERVICES: Final[Mapping[str, Service]] = MappingProxyType(
    {
        "aws:cloudwatch/logGroup:LogGroup": _log_group,
        "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
        "aws:dynamodb/table:Table": _table,
        "aws:ebs/volume:Volume": _volume,
        "aws:ec2/eip:Eip": _address,
        "aws:ec2/natGateway:NatGateway": _nat,
        "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
        "aws:eks/cluster:Cluster": _cluster,
        "aws:kms/key:Key": _key,
        "aws:lambda/function:Function": _function,
        "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
        "aws:rds/instance:Instance": _database,
        "aws:s3/bucket:Bucket": _bucket,
        "aws:secretsmanager/secret:Secret": _secret,
        "aws:sqs/queue:Queue": _queue,
        "kubernetes:core/v1:Service": _service,
        "kubernetes:gateway.networking.k8s.io/v1:Gateway": _gateway,
    }
)
"""What resources are paid for, by type; nodes are in `nodes`. AWS makes network load balancers for Kubernetes."""
UNCOUNTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws:amp/workspace:Workspace": "metric samples taken in and kept",
        "aws:athena/workgroup:Workgroup": "data that queries scan",
        "aws:ecr/repository:Repository": "images kept",
        "aws:efs/fileSystem:FileSystem": "files kept",
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "records taken in",
        "aws:rds/cluster:Cluster": "the database cluster",
        "aws:sns/topic:Topic": "messages",
    }
)
"""What is paid for and never counted here, by type: an estimate names it."""
