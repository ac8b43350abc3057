"""Lookups that only AWS can answer, one of them plainly used."""

import pulumi
import pulumi_aws as aws

image = aws.ec2.get_ami_output(owners=["amazon"], name_regex="^al2023-ami-2023.*x86_64$")
token = aws.ssm.get_parameter_output(name="/acme/token")
zone = aws.route53.get_zone(name="acme.example")
server = aws.ec2.Instance("server", ami=image.id, instance_type="t3.micro", user_data=token.value)

pulumi.export("domain", zone.name.upper())
