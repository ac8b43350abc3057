"""Which quota of EC2 an instance type counts against."""

import pytest

from mlplatform.facts.aws.instances import INSTANCE_TYPES
from mlplatform.facts.aws.quotas import quota
from mlplatform.gpu_node_pool.selection import NEURON


@pytest.mark.parametrize(
    ("name", "on_demand", "spot"),
    [
        ("m7i.large", "L-1216C47A", "L-34B43A08"),
        ("c7i.large", "L-1216C47A", "L-34B43A08"),
        ("g5.xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("gr6.4xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("p5.48xlarge", "L-417A185B", "L-7212CCBC"),
        ("p6-b200.48xlarge", "L-417A185B", "L-7212CCBC"),
    ],
)
def test_quota_goes_by_family_and_by_how_instances_are_bought(name, on_demand, spot):
    assert (quota(name, spot=False).code, quota(name, spot=True).code) == (on_demand, spot)


def test_every_type_that_a_pool_may_have_has_both_quotas():
    for kind in INSTANCE_TYPES.values():
        if kind.accelerator not in NEURON:
            assert quota(kind.name, spot=False).name.startswith("Running On-Demand ")
            assert quota(kind.name, spot=True).name.endswith("Spot Instance Requests")


def test_unverified_quotas_are_counted_by_name():
    found = {quota(name, spot=spot) for name in ("m7i.large", "g5.xlarge", "p5.48xlarge") for spot in (False, True)}
    assert [one.name for one in found if not one.verified] == ["All P Spot Instance Requests"]


def test_a_family_without_a_row_is_refused():
    with pytest.raises(ValueError, match="has no known quota") as caught:
        quota("trn1.2xlarge", spot=False)
    assert str(caught.value) == (
        "instance type 'trn1.2xlarge' has no known quota; known families: a, c, d, h, i, m, r, t, z, g, gr, p"
    )
