"""Numbers that may be outputs of other resources, as what is created takes them."""

import pulumi


def whole(count: pulumi.Input[int] | None) -> pulumi.Output[int]:
    """The number as an integer: those of other resources may come as 3.0, which SQS refuses."""
    return pulumi.Output.from_input(count).apply(lambda number: int(number or 0))


def as_text(count: pulumi.Input[int] | None) -> pulumi.Output[str]:
    """The number as text, where Kubernetes takes no other."""
    return whole(count).apply(str)
