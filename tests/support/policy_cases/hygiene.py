"""Cases of the rules about tags and hygiene."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, unknown

TAGS = {"cost-centre": "1", "environment": "prod", "owner": "ml", "project": "p"}


def tagged_by_provider(name, **more):
    provider = aws.Provider(f"{name}-provider", region="eu-west-1", default_tags={"tags": TAGS})
    aws.s3.Bucket(name, opts=pulumi.ResourceOptions(provider=provider), **more)


def component(name):
    whole = pulumi.ComponentResource("tests:index:Whole", name)
    aws.sqs.Queue(f"{name}-child", opts=pulumi.ResourceOptions(parent=whole))


def explicit(name, **options):
    provider = aws.Provider(f"{name}-provider", region="eu-west-1")
    aws.sqs.Queue(name, opts=pulumi.ResourceOptions(provider=provider))


CASES = {
    "required-tags": Case(
        good=lambda: [tagged_by_provider("good"), aws.s3.Bucket("good-own", tags=TAGS)],
        bad=lambda: [aws.s3.Bucket("bad"), tagged_by_provider("bad-empty", tags={"owner": ""})],
        findings={
            "bad": ["Tags are missing: cost-centre, environment, owner, project."],
            "bad-empty": ["Tags are missing: owner."],
        },
        unknown=lambda: aws.s3.Bucket("unknown", tags=unknown(TAGS)),
    ),
    "tag-environment-matches": Case(
        good=lambda: [tagged_by_provider("good"), aws.s3.Bucket("good-none")],
        bad=lambda: tagged_by_provider("bad", tags={"environment": "dev"}),
        findings={"bad": ["The tag environment is dev; this is prod."]},
        config={"environment": "prod"},
        unknown=lambda: aws.s3.Bucket("unknown", tags=unknown(TAGS)),
    ),
    "child-has-component-parent": Case(
        good=lambda: component("good"),
        bad=lambda: [aws.sqs.Queue("bad"), aws.s3.Bucket("good-alone"), component("other")],
        findings={"bad": ["The resource is in no component."]},
        config={"alone": ["aws:s3/bucket:Bucket"]},
        unknown=None,
    ),
    "no-ad-hoc-provider": Case(
        good=lambda: [explicit("good"), k8s.core.v1.ConfigMap("good-default-alone", data={})],
        bad=lambda: aws.sqs.Queue("bad"),
        findings={"bad": ["The resource uses aws's default provider beside an explicit one."]},
        unknown=None,
    ),
}
