"""An existing VPC, another stack's outputs, and a subnet made of both."""

import pulumi
import pulumi_aws as aws

network = pulumi.StackReference(pulumi.Config().require("network"))
vpc = aws.ec2.Vpc.get("shared", "vpc-0123456789abcdef0")
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block=network.require_output("cidr"))

pulumi.export("zone", network.get_output("zone"))
pulumi.export("vpc", vpc.arn)
pulumi.export("subnet", subnet.id)
