"""The table of instance types: exact against the reference, and honest about what is unknown."""

import csv
from decimal import Decimal

import pytest

from mlplatform.facts.aws import instances
from mlplatform.facts.aws.instances import INSTANCE_TYPES, Architecture, InstanceType, UnknownInstanceType


def test_table_equals_the_reference(reference):
    def number(cell):
        return Decimal(cell) if cell else None

    def whole(cell):
        return int(cell) if cell else None

    with reference("data/ec2_instances.csv").open(newline="") as file:
        expected = {
            row["instance_type"]: InstanceType(
                name=row["instance_type"],
                accelerator=row["accelerator"] or None,
                accelerator_count=Decimal(row["accelerator_count"] or 0),
                accelerator_memory_gib=number(row["accelerator_memory_gib_each"]),
                vcpus=int(row["vcpus"]),
                memory_gib=int(row["memory_gib"]),
                efa_interfaces=whole(row["efa_supported"]),
                architecture=Architecture(row["arch"]),
                on_demand_usd_hour=number(row["ondemand_usd_hour"]),
                spot_usd_hour=number(row["spot_usd_hour"]),
                price_region=row["region"],
                price_source=row["price_source"],
            )
            for row in csv.DictReader(file)
        }
    assert dict(INSTANCE_TYPES) == expected


def test_names_are_unique_and_the_table_is_closed():
    assert len(INSTANCE_TYPES) == len(instances._TABLE)
    with pytest.raises(TypeError):
        INSTANCE_TYPES["x"] = INSTANCE_TYPES["t3.large"]


def test_one_row_in_full():
    assert instances.instance_type("p5e.48xlarge") == InstanceType(
        name="p5e.48xlarge",
        accelerator="H200",
        accelerator_count=Decimal(8),
        accelerator_memory_gib=Decimal(141),
        vcpus=192,
        memory_gib=2048,
        efa_interfaces=32,
        architecture=Architecture.X86_64,
        on_demand_usd_hour=None,
        spot_usd_hour=Decimal("18.7359"),
        price_region="us-east-2",
        price_source="skypilot-catalog v8",
    )


@pytest.mark.parametrize(
    ("name", "whole"),
    [("g6.xlarge", True), ("inf2.48xlarge", True), ("g6f.large", False), ("gr6f.4xlarge", False), ("m7i.large", False)],
)
def test_accelerators_that_can_be_counted(name, whole):
    assert instances.instance_type(name).whole_accelerators is whole


@pytest.mark.parametrize(
    ("name", "field"),
    [("p3.2xlarge", "efa_interfaces"), ("trn2.48xlarge", "on_demand_usd_hour"), ("c7i.large", "spot_usd_hour")],
)
def test_unknown_is_none(name, field):
    assert getattr(instances.instance_type(name), field) is None


def test_unknown_type_names_the_nearest():
    with pytest.raises(UnknownInstanceType) as caught:
        instances.instance_type("p5.49xlarge")
    assert str(caught.value) == (
        "instance type 'p5.49xlarge' is unknown; nearest known: p5.4xlarge, p5.48xlarge, p5e.48xlarge; "
        "fix: use one of these, or add a row"
    )
    assert isinstance(caught.value, ValueError)


def test_accelerators():
    assert instances.accelerators() == (
        *("A100", "A100-80GB", "A10G", "B200", "B300", "H100", "H200", "Inferentia2", "L4", "L40S"),
        *("RTX PRO Server 6000", "T4", "T4g", "Trainium", "Trainium2", "V100", "V100-32GB"),
    )


def test_types_of_an_accelerator_from_small_to_large():
    names = [kind.name for kind in instances.with_accelerator("T4")]
    assert names == [
        *("g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge", "g4dn.8xlarge", "g4dn.16xlarge", "g4dn.12xlarge", "g4dn.metal")
    ]


def test_unknown_accelerator_names_the_nearest():
    with pytest.raises(ValueError, match=r"^accelerator 'H10' is unknown; nearest known: H100, .*; fix: [^\n]*$"):
        instances.with_accelerator("H10")
