"""The version matrix: complete, held against the cluster's version, and honest about what has no source."""

import re
from collections import Counter
from dataclasses import fields

import pytest

from mlplatform.addons.matrix import ENVOY, MATRIX, CrdSource, Image, ImagePart, Kubernetes, Row
from mlplatform.cluster.args import VERSION
from mlplatform.monitoring_stack.rules import NAMESPACES
from promises import covers

UNVERIFIED = {
    "argo-workflows": ("kubernetes",),
    "aws-efa-k8s-device-plugin": ("kubernetes", "images"),
    "aws-load-balancer-controller": ("kubernetes",),
    "dcgm-exporter": ("kubernetes",),
    "external-secrets": ("kubernetes",),
    "gpu-operator": ("kubernetes", "images"),
    "kserve-crd": ("kubernetes",),
    "kserve-resources": ("kubernetes",),
    "kserve-runtime-configs": ("kubernetes", "images"),
    "kubeflow-trainer": ("images",),
    "kueue": ("kubernetes",),
    "nvidia-device-plugin": ("kubernetes",),
    "prometheus-operator-crds": ("kubernetes",),
    "prometheus-pushgateway": ("kubernetes",),
}
DIGESTS = ["public.ecr.aws/karpenter/controller"]
REFERENCE = r"[a-z0-9.-]+\.[a-z]+(:\d+)?(/[a-z0-9._-]+)+:[A-Za-z0-9._-]+(@sha256:[0-9a-f]{64})?"


@covers("addons.matrix", field="AddonsArgs.without", ends_in="kubernetes:helm.sh/v3:Release.version")
@pytest.mark.parametrize("name", MATRIX)
def test_row_is_complete(name: str) -> None:
    row = MATRIX[name]
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", row.version)
    assert row.repository.startswith(("https://", "oci://"))
    assert row.namespace in {*NAMESPACES, "monitoring", *([""] if name == "gateway-crds-helm" else [])}
    assert row.kubernetes or "kubernetes" in row.unverified
    if row.crds is not CrdSource.OWN_CHART:
        assert row.images


def test_columns() -> None:
    assert {field.name for field in fields(Row)} == {
        *("version", "repository", "namespace", "crds", "images", "kubernetes", "unverified"),
    }


@covers("addons.cluster-version", field="AddonsArgs.without", ends_in="kubernetes:helm.sh/v3:Release.version")
@pytest.mark.parametrize("name", [name for name, row in MATRIX.items() if row.kubernetes])
def test_row_supports_the_version_of_the_cluster(name: str) -> None:
    supported = MATRIX[name].kubernetes
    assert supported
    assert supported.source
    assert supported.supports(VERSION), f"{name} supports {supported.first} to {supported.last}, not {VERSION}"


def test_a_range_has_ends() -> None:
    supported = Kubernetes("1.9", "1.35", "a source")
    assert supported.supports("1.10")
    assert supported.supports("1.9")
    assert not supported.supports("1.8")
    assert not supported.supports("1.36")


@covers("addons.unverified", field="AddonsArgs.eks_versions", ends_in="kubernetes:helm.sh/v3:Release.version")
def test_what_has_no_source_is_named_and_counted() -> None:
    named = {name: tuple(row.unverified) for name, row in MATRIX.items() if row.unverified}
    assert named == UNVERIFIED
    assert Counter(part for parts in named.values() for part in parts) == {"kubernetes": 13, "images": 4}


IMAGES = dict.fromkeys(image for row in MATRIX.values() for image in (*row.images, ENVOY))


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.key)
def test_image_reference_is_whole(image: Image) -> None:
    assert re.fullmatch(REFERENCE, image.reference)
    assert "staging" not in image.reference


@covers("addons.digests", field="AddonsArgs.image_registry", ends_in="kubernetes:helm.sh/v3:Release.values")
def test_images_with_a_digest() -> None:
    pinned = {i.reference.partition("@")[0] for row in MATRIX.values() for i in row.images if "@" in i.reference}
    assert sorted(reference.rpartition(":")[0] for reference in pinned) == DIGESTS


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (ImagePart.REGISTRY, ""),
        (ImagePart.FOLDER, "/nvidia/k8s"),
        (ImagePart.REPOSITORY, "/nvidia/k8s/dcgm"),
        (ImagePart.REFERENCE, f"/nvidia/k8s/dcgm:4.5@sha256:{64 * '0'}"),
    ],
)
def test_mirror_keeps_the_path(part: ImagePart, wanted: str) -> None:
    image = Image(f"nvcr.io/nvidia/k8s/dcgm:4.5@sha256:{64 * '0'}", "image.repository", part)
    assert image.mirrored() == wanted


def test_crds_of_another_row_are_in_one_that_has_them() -> None:
    owners = {
        "karpenter": ("karpenter-crd",),
        "gateway-helm": ("gateway-crds-helm",),
        "kserve-resources": ("kserve-crd",),
        "kserve-runtime-configs": ("kserve-crd",),
    }
    assert {name for name, row in MATRIX.items() if row.crds is CrdSource.OTHER_ROW} == set(owners)
    for rows in owners.values():
        for row in rows:
            assert MATRIX[row].crds is CrdSource.OWN_CHART
