"""Two topics of one name."""

import pulumi_aws as aws


def topic() -> aws.sns.Topic:
    return aws.sns.Topic("alerts")


topic()
topic()
