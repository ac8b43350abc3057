"""Which network interfaces a type is launched with."""

import pytest

from mlplatform.facts.aws.efa import NODE_INTERFACE, Interface, layout
from mlplatform.facts.aws.instances import INSTANCE_TYPES, instance_type

WITH_EFA = [kind for kind in INSTANCE_TYPES.values() if kind.efa_interfaces]


def test_one_card_has_the_nodes_interface_and_its_efa():
    assert layout(instance_type("g5.8xlarge")) == (Interface(0, 0, "interface"), Interface(0, 1, "efa-only"))


def test_other_cards_have_an_efa_each_as_device_0():
    assert layout(instance_type("p4d.24xlarge")) == (
        Interface(0, 0, "interface"),
        Interface(0, 1, "efa-only"),
        Interface(1, 0, "efa-only"),
        Interface(2, 0, "efa-only"),
        Interface(3, 0, "efa-only"),
    )


def test_first_card_without_efa_is_left_out():
    found = layout(instance_type("p6-b300.48xlarge"))
    assert found[:2] == (Interface(0, 0, "interface"), Interface(1, 0, "efa-only"))
    assert found[-1] == Interface(16, 0, "efa-only")
    assert len(found) == 17


@pytest.mark.parametrize("kind", WITH_EFA, ids=lambda kind: kind.name)
def test_every_layout_has_one_primary_interface_and_all_efas_each_on_a_card_of_its_own(kind):
    first, *others = layout(kind)
    assert first == NODE_INTERFACE
    assert len(others) == kind.efa_interfaces == len({one.network_card for one in others})
    assert {one.kind for one in others} == {"efa-only"}
    assert len({(one.network_card, one.device) for one in (first, *others)}) == len(others) + 1


@pytest.mark.parametrize("name", ["g5.xlarge", "p3.2xlarge"])
def test_a_type_without_efa_has_no_layout(name):
    with pytest.raises(ValueError, match=f"^{name} has no EFA; allowed are types that have one$"):
        layout(instance_type(name))
