"""What a changed property does: whether its provider updates the resource in place or replaces it, and what is lost.

Facts about providers, as data. AWS: the properties that the provider's schema marks for replacement (`replaceOnChanges`
and `willReplaceOnChanges` of pulumi-aws 7), top-level ones only. Kubernetes: `provider/pkg/provider/diff.go` and
`helm_release.go` of pulumi/pulumi-kubernetes. Regions: the guide `enhanced-region-support` of
hashicorp/terraform-provider-aws, on which pulumi-aws 7 stands: every regional resource has a `region`, its provider's
unless given, and a change of it forces replacement. What no source states is "may replace", never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

Json = Any
Path = Sequence[str | int]


class Effect(StrEnum):
    """What a changed property does to its resource, from the mildest on."""

    UPDATE = "update"
    """It is changed in place."""
    MAY_REPLACE = "may-replace"
    """No source says; it may be replaced."""
    REPLACE = "replace"
    """The provider makes a new one and deletes the old."""

    @property
    def rank(self) -> int:
        """Its place in the order of severity."""
        return list(Effect).index(self)


_AWS_ROWS: Final = {
    "aws:apigatewayv2/api:Api": "credentialsArn protocolType routeKey target",
    "aws:athena/workgroup:Workgroup": "name",
    "aws:budgets/budget:Budget": "accountId name namePrefix",
    "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
    "aws:cloudwatch/eventBus:EventBus": "eventSourceName name",
    "aws:cloudwatch/eventRule:EventRule": "eventBusName name namePrefix",
    "aws:cloudwatch/eventTarget:EventTarget": "eventBusName rule targetId",
    "aws:cloudwatch/logGroup:LogGroup": "logGroupClass name namePrefix",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "logGroupName name",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarmName",
    "aws:dynamodb/table:Table": "hashKey localSecondaryIndices name rangeKey restoreDateTime restoreToLatestTime",
    "aws:dynamodb/tableItem:TableItem": "hashKey rangeKey tableName",
    "aws:ebs/volume:Volume": "availabilityZone encrypted kmsKeyId multiAttachEnabled outpostArn snapshotId",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
    "aws:ec2/eip:Eip": "address domain networkBorderGroup publicIpv4Pool vpc",
    "aws:ec2/flowLog:FlowLog": (
        "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination logDestinationType "
        "logFormat logGroupName maxAggregationInterval subnetId trafficType transitGatewayAttachmentId "
        "transitGatewayId vpcId"
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": "name namePrefix",
    "aws:ec2/natGateway:NatGateway": (
        "allocationId connectivityType privateIp secondaryPrivateIpAddressCount subnetId"
    ),
    "aws:ec2/placementGroup:PlacementGroup": "name partitionCount spreadLevel strategy",
    "aws:ec2/route:Route": "destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId routeTableId",
    "aws:ec2/routeTable:RouteTable": "vpcId",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "gatewayId subnetId",
    "aws:ec2/securityGroup:SecurityGroup": "description name namePrefix vpcId",
    "aws:ec2/securityGroupRule:SecurityGroupRule": (
        "cidrBlocks fromPort ipv6CidrBlocks prefixListIds protocol securityGroupId self sourceSecurityGroupId "
        "toPort type"
    ),
    "aws:ec2/subnet:Subnet": "availabilityZone availabilityZoneId cidrBlock ipv6Native outpostArn vpcId",
    "aws:ec2/tag:Tag": "key resourceId",
    "aws:ec2/vpc:Vpc": "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "serviceName vpcEndpointType vpcId",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "policy repository",
    "aws:ecr/repository:Repository": "encryptionConfigurations name",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "repository",
    "aws:efs/fileSystem:FileSystem": "availabilityZoneName creationToken encrypted kmsKeyId performanceMode",
    "aws:eks/addon:Addon": "addonName clusterName",
    "aws:eks/cluster:Cluster": "name roleArn",
    "aws:eks/nodeGroup:NodeGroup": (
        "amiType capacityType clusterName diskSize instanceTypes nodeGroupName nodeGroupNamePrefix "
        "nodeRoleArn remoteAccess subnetIds"
    ),
    "aws:glue/catalogDatabase:CatalogDatabase": "catalogId name targetDatabase",
    "aws:glue/catalogTable:CatalogTable": "catalogId databaseName name partitionIndices targetTable",
    "aws:iam/instanceProfile:InstanceProfile": "name namePrefix path",
    "aws:iam/policy:Policy": "description name namePrefix path",
    "aws:iam/role:Role": "name namePrefix path",
    "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn role",
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": "awsServiceName customSuffix",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        "destination kinesisSourceConfiguration mskSourceConfiguration name"
    ),
    "aws:kms/alias:Alias": "name namePrefix",
    "aws:kms/grant:Grant": (
        "constraints grantCreationTokens granteePrincipal keyId name operations retireOnDelete retiringPrincipal"
    ),
    "aws:kms/key:Key": "customKeyStoreId customerMasterKeySpec keyUsage multiRegion",
    "aws:lambda/alias:Alias": "functionName name",
    "aws:lambda/eventSourceMapping:EventSourceMapping": (
        "amazonManagedKafkaEventSourceConfig eventSourceArn queues selfManagedEventSource "
        "selfManagedKafkaEventSourceConfig startingPosition startingPositionTimestamp topics"
    ),
    "aws:lambda/function:Function": "functionName packageType",
    "aws:lambda/functionUrl:FunctionUrl": "functionName qualifier",
    "aws:lambda/permission:Permission": (
        "action eventSourceToken functionName functionUrlAuthType principal principalOrgId qualifier "
        "sourceAccount sourceArn statementId statementIdPrefix"
    ),
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": "functionName qualifier",
    "aws:lb/listener:Listener": "loadBalancerArn",
    "aws:lb/loadBalancer:LoadBalancer": "customerOwnedIpv4Pool internal loadBalancerType name namePrefix",
    "aws:lb/targetGroup:TargetGroup": "ipAddressType name namePrefix port protocol protocolVersion targetType vpcId",
    "aws:rds/instance:Instance": (
        "availabilityZone backupTarget characterSetName customIamInstanceProfile dbName engine kmsKeyId "
        "ncharCharacterSetName restoreToPointInTime snapshotIdentifier storageEncrypted timezone username"
    ),
    "aws:rds/parameterGroup:ParameterGroup": "description family name namePrefix",
    "aws:rds/subnetGroup:SubnetGroup": "name namePrefix",
    "aws:s3/bucket:Bucket": "bucket bucketPrefix objectLockEnabled",
    "aws:s3/bucketAcl:BucketAcl": "bucket expectedBucketOwner",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket expectedBucketOwner",
    "aws:s3/bucketLogging:BucketLogging": "bucket expectedBucketOwner",
    "aws:s3/bucketMetric:BucketMetric": "bucket name",
    "aws:s3/bucketNotification:BucketNotification": "bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": (
        "bucket expectedBucketOwner objectLockEnabled"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "bucket expectedBucketOwner"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "bucket expectedBucketOwner",
    "aws:scheduler/schedule:Schedule": "groupName name namePrefix",
    "aws:scheduler/scheduleGroup:ScheduleGroup": "name namePrefix",
    "aws:secretsmanager/secret:Secret": "name namePrefix",
    "aws:secretsmanager/secretRotation:SecretRotation": "secretId",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretBinary secretId secretString",
    "aws:sns/topic:Topic": "fifoTopic name namePrefix",
    "aws:sns/topicPolicy:TopicPolicy": "arn",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint protocol topicArn",
    "aws:sqs/queue:Queue": "fifoQueue name namePrefix",
    "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
}
AWS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {token: frozenset(row.split()) for token, row in _AWS_ROWS.items()}
)
"""Top-level properties whose change replaces a resource, by AWS type. A type that is absent is unknown."""
AWS_WITHOUT_ROWS: Final = frozenset(
    {
        "aws:amp/workspace:Workspace",
        "aws:amp/workspaceConfiguration:WorkspaceConfiguration",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:eks/accessEntry:AccessEntry",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    }
)
"""Types used here of which the schema marks no property at all, though some are replaced: every change is unknown."""
AWS_IN_PLACE: Final = frozenset({"tags", "tagsAll"})
"""Properties that no type of the two tables above is replaced for, nested ones included."""
AWS_GLOBAL: Final = frozenset(
    {
        "account",
        "budgets",
        "cloudfront",
        "costexplorer",
        "iam",
        "organizations",
        "rolesanywhere",
        "route53",
        "shield",
        "waf",
    }
)
"""Modules of AWS services without a region, as the guide lists them."""

_SELECTOR: Final = ("spec.selector",)
KUBERNETES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "apps/v1:Deployment": _SELECTOR,
        "apps/v1:StatefulSet": (
            "spec.podManagementPolicy",
            "spec.revisionHistoryLimit",
            "spec.selector",
            "spec.serviceName",
            "spec.volumeClaimTemplates",
        ),
        "batch/v1:Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
        "core/v1:ConfigMap": ("binaryData", "data"),
        "core/v1:PersistentVolumeClaim": ("spec",),
        "core/v1:ResourceQuota": ("spec.scopes",),
        "core/v1:Secret": ("data", "stringData", "type"),
        "core/v1:Service": ("spec.clusterIP",),
        "helm.sh/v3:Release": ("name", "namespace"),
        "rbac.authorization.k8s.io/v1:ClusterRoleBinding": ("roleRef",),
        "rbac.authorization.k8s.io/v1:RoleBinding": ("roleRef",),
        "storage.k8s.io/v1:StorageClass": ("parameters", "provisioner"),
    }
)
"""Paths whose change replaces a Kubernetes object, beside its name and namespace, by type without the package."""
KUBERNETES_EVERY: Final = ("metadata.name", "metadata.namespace")
"""Paths whose change replaces any Kubernetes object."""
KUBERNETES_UNKNOWN: Final = ("core/v1:PersistentVolume", "core/v1:Pod")
"""Types whose long lists of paths are not carried here: no component makes them by themselves."""
MUTABLE: Final = MappingProxyType(
    {"core/v1:ConfigMap": "enableConfigMapMutable", "core/v1:Secret": "enableSecretMutable"}
)
"""Settings of the Kubernetes provider that let it change such an object in place."""
PROVIDERS: Final[Mapping[str, Mapping[str, Effect]]] = MappingProxyType(
    {
        # A change of region replaces the resources, each for itself; the provider is not something that exists.
        "pulumi:providers:aws": {},
        "pulumi:providers:kubernetes": {"clusterIdentifier": Effect.REPLACE},
    }
)
"""What a provider's own settings do to it, and so to all that it manages; the rest are updates."""
CONNECTIONS: Final = frozenset({"cluster", "context", "kubeconfig"})
"""Settings of a Kubernetes provider that may name another cluster, where no `clusterIdentifier` says it is the same."""


def effect(token: str, path: Path, settings: Mapping[str, Json] | None = None) -> Effect:
    """What a change of one property does to a resource of a type.

    `settings` are those of the provider that manages it; of a provider itself, its own new ones.
    """
    package, _, kind = token.partition(":")
    if token in PROVIDERS:
        return _provider(token, path, settings or {})
    if package == "aws":
        return _aws(token, path)
    if package == "kubernetes":
        return _kubernetes(kind, path, settings or {})
    return Effect.MAY_REPLACE


def _provider(token: str, path: Path, settings: Mapping[str, Json]) -> Effect:
    kubernetes = token.endswith(":kubernetes")
    if kubernetes and path[0] in CONNECTIONS and not settings.get("clusterIdentifier"):
        return Effect.MAY_REPLACE
    return PROVIDERS[token].get(str(path[0]), Effect.UPDATE)


def _aws(token: str, path: Path) -> Effect:
    if path[0] == "region":
        return Effect.REPLACE
    if path[0] in AWS.get(token, ()):
        return Effect.REPLACE
    whole = token in AWS and len(path) == 1
    tags = path[0] in AWS_IN_PLACE and (token in AWS or token in AWS_WITHOUT_ROWS)
    return Effect.UPDATE if whole or tags else Effect.MAY_REPLACE


def _kubernetes(kind: str, path: Path, settings: Mapping[str, Json]) -> Effect:
    if settings.get(MUTABLE.get(kind, "")) in (True, "true"):
        return _within(path, KUBERNETES_EVERY)
    if kind in KUBERNETES_UNKNOWN:
        return max(_within(path, KUBERNETES_EVERY), Effect.MAY_REPLACE, key=lambda one: one.rank)
    return _within(path, (*KUBERNETES_EVERY, *KUBERNETES.get(kind, ())))


def _within(path: Path, forced: Sequence[str]) -> Effect:
    """REPLACE where a path is one of these, lies inside one, or holds one."""
    given = [str(step) for step in path]
    for one in forced:
        steps = one.split(".")
        shared = min(len(steps), len(given))
        if steps[:shared] == given[:shared]:
            return Effect.REPLACE
    return Effect.UPDATE


def regional(token: str) -> bool:
    """Whether an AWS type lives in a region."""
    package, _, kind = token.partition(":")
    return package == "aws" and kind.partition("/")[0] not in AWS_GLOBAL


# --- what is lost ----------------------------------------------------------------------------------------------------


STATEFUL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws:amp/workspace:Workspace": "its metrics",
        "aws:backup/vault:Vault": "its recovery points",
        "aws:cloudwatch/logGroup:LogGroup": "its logs",
        "aws:cognito/userPool:UserPool": "its users",
        "aws:docdb/cluster:Cluster": "its data",
        "aws:dynamodb/table:Table": "its items",
        "aws:ebs/volume:Volume": "its data",
        "aws:ecr/repository:Repository": "its images",
        "aws:efs/fileSystem:FileSystem": "its files",
        "aws:eks/cluster:Cluster": "the cluster and all that runs in it",
        "aws:elasticache/replicationGroup:ReplicationGroup": "its data",
        "aws:fsx/lustreFileSystem:LustreFileSystem": "its files",
        "aws:glue/catalogDatabase:CatalogDatabase": "its table definitions",
        "aws:kinesis/stream:Stream": "its records",
        "aws:kms/key:Key": "all that it encrypts",
        "aws:kms/replicaKey:ReplicaKey": "all that it encrypts",
        "aws:opensearch/domain:Domain": "its indices",
        "aws:rds/cluster:Cluster": "its databases",
        "aws:rds/instance:Instance": "its databases",
        "aws:s3/bucket:Bucket": "its objects",
        "aws:secretsmanager/secret:Secret": "its values",
        "aws:sqs/queue:Queue": "its messages",
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "every object of its kind",
        "kubernetes:apps/v1:StatefulSet": "what its volumes hold",
        "kubernetes:core/v1:Namespace": "everything in it, volumes included",
        "kubernetes:core/v1:PersistentVolume": "its data",
        "kubernetes:core/v1:PersistentVolumeClaim": "its data",
        "kubernetes:helm.sh/v4:Chart": "its objects, and where it holds CRDs every object of their kinds",
        "kubernetes:yaml/v2:ConfigFile": "its objects, and where it holds CRDs every object of their kinds",
        "kubernetes:yaml:ConfigFile": "its objects, and where it holds CRDs every object of their kinds",
    }
)
"""What goes with a resource that is deleted or replaced, by type."""
RELEASE: Final = "kubernetes:helm.sh/v3:Release"
"""A Helm release, which may hold definitions or volumes."""
CLAIM_VALUES: Final = ("volumeClaimTemplate", "persistentVolume", "persistence")
"""Names of chart values that ask for volumes, in the charts that the platform installs and in Helm's own template."""


def lost_with(token: str, inputs: Mapping[str, Json]) -> str | None:
    """What is lost with a resource; None for one that keeps nothing."""
    return _lost_with_release(inputs) if token == RELEASE else STATEFUL.get(token)


def _lost_with_release(inputs: Mapping[str, Json]) -> str | None:
    if "crd" in str(inputs.get("chart", "")).lower():
        return "its CRDs, and with them every object of their kinds"
    values = json.dumps(inputs.get("values", {}))
    return "what its volumes hold" if any(f'"{name}' in values for name in CLAIM_VALUES) else None
