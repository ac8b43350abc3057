"""Tags from the stack's transform, protection from the component's."""

import pulumi
import pulumi_aws as aws


def tag(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if not args.type_.startswith("aws:"):
        return None
    return pulumi.ResourceTransformResult(props={**args.props, "tags": {"team": "vision"}}, opts=args.opts)


def protect(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
    args.opts.protect = True
    return pulumi.ResourceTransformResult(props=args.props, opts=args.opts)


class Store(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("acme:index:Store", name, {}, opts)
        aws.s3.Bucket(f"{name}-data", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


pulumi.runtime.register_resource_transform(tag)
Store("store", pulumi.ResourceOptions(transforms=[protect]))
