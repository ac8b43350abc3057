"""A mistake inside an apply."""

import pulumi
import pulumi_aws as aws


def shorten(name: str) -> str:
    return name[:4] + 1


pulumi.export("short", aws.s3.Bucket("data", bucket="acme-data").bucket.apply(shorten))
