"""Where a component works: the account, region and partition of the AWS provider that it was given."""

from dataclasses import dataclass
from typing import Self

import pulumi
import pulumi_aws as aws

from mlplatform.facts.aws.iam import dns_suffix


@dataclass(frozen=True, slots=True)
class Place:
    """Account, region and partition, asked of AWS once a component, through the component's own provider."""

    account_id: pulumi.Output[str]
    """Twelve-digit account id."""
    region: pulumi.Output[str]
    """Region code, such as eu-west-1."""
    partition: pulumi.Output[str]
    """Partition of ARNs: aws, aws-cn or aws-us-gov."""

    @classmethod
    def of(cls, component: pulumi.ComponentResource) -> Self:
        """The place where the component's AWS provider works."""
        options = pulumi.InvokeOptions(parent=component)
        return cls(
            account_id=aws.get_caller_identity_output(opts=options).account_id,
            region=aws.get_region_output(opts=options).region,
            partition=aws.get_partition_output(opts=options).partition,
        )

    def arn(self, service: str, resource: pulumi.Input[str], *, region: bool = True) -> pulumi.Output[str]:
        """ARN of a resource of this account; `region` is False for global services such as IAM."""
        where = self.region if region else ""
        return pulumi.Output.concat("arn:", self.partition, f":{service}:", where, ":", self.account_id, ":", resource)

    def host(self, service: str) -> pulumi.Output[str]:
        """Host name of a service of this region, such as s3.eu-west-1.amazonaws.com, as `kms:ViaService` names it."""
        return self.region.apply(lambda region: f"{service}.{region}.{dns_suffix(region)}")
