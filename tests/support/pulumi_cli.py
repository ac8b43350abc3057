"""The Pulumi CLI, for tests that need the real engine."""

import shutil

import pytest

needs_cli = pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="no Pulumi CLI on PATH; install it (pulumi.com/docs/install) or build it from the Go module proxy: "
    "go build github.com/pulumi/pulumi/pkg/v3/cmd/pulumi, with its version set by -ldflags",
)
