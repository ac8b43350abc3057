"""Time of the policy pack over a graph of ten thousand resources, a resource and rule, and how it grows."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlplatform.preview.policies import runner

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 3_000, 10_000)
PROJECT = "benchmark"
KINDS: Mapping[str, Mapping[str, Any]] = {
    "aws:s3/bucket:Bucket": {"tags": {"owner": "ml"}},
    "aws:iam/policy:Policy": {
        "policy": json.dumps(
            {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}]}
        )
    },
    "aws:sqs/queue:Queue": {"kmsMasterKeyId": "alias/queue"},
    "aws:ec2/securityGroup:SecurityGroup": {
        "description": "d",
        "ingress": [{"protocol": "tcp", "fromPort": 443.0, "toPort": 443.0, "cidrBlocks": ["10.0.0.0/8"]}],
    },
    "kubernetes:apps/v1:Deployment": {
        "metadata": {"namespace": "team"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a@sha256:0"}]}}},
    },
}


def graph(size: int) -> dict[str, Any]:
    """A recorded graph of that many resources, of five kinds in turn, some of which break rules."""
    kinds = list(KINDS.items())
    return {
        "project": PROJECT,
        "stack": "prod",
        "placeholders": [],
        "resources": [_node(at, *kinds[at % len(kinds)]) for at in range(size)],
    }


def _node(at: int, kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:prod::{PROJECT}::{kind}::r{at}",
        "type": kind,
        "name": f"r{at}",
        "kind": "custom",
        "parent": None,
        "inputs": inputs,
        "outputs": {},
        "provider": None,
        "dependencies": [],
        "property_dependencies": {},
        "options": {},
    }


if __name__ == "__main__":
    pack = runner.load(ROOT / "policies")
    settings = runner.Settings(pack, {})
    rules = len(pack.policies)
    print(f"{'resources':>10}{'rules':>7}{'findings':>10}{'seconds':>9}{'µs a resource and rule':>24}")
    for size in SIZES:
        resources = runner.Resources(graph(size))
        began = time.perf_counter()
        found = runner.judge(pack, settings, resources)
        taken = time.perf_counter() - began
        if not found:
            sys.exit("nothing was found, so nothing was measured")
        print(f"{size:>10}{rules:>7}{len(found):>10}{taken:>9.2f}{taken / size / rules * 1e6:>24.2f}")
