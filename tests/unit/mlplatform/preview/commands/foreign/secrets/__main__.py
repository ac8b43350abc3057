"""A password that goes into a resource and out of the stack; and something to say meanwhile."""

import pulumi
import pulumi_aws as aws

password = pulumi.Output.secret("correct horse battery staple")
print("making the database")
database = aws.rds.Instance("database", instance_class="db.t4g.micro", username="admin", password=password)

pulumi.export("url", pulumi.Output.concat("postgres://admin:", password, "@", database.address))
pulumi.export("address", database.address)
