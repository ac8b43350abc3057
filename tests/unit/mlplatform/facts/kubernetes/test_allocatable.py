"""What pods can have of a node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.facts.aws.instances import INSTANCE_TYPES, instance_type
from mlplatform.facts.kubernetes.allocatable import (
    Resources,
    allocatable,
    kubelet,
    reserved_cpu_millicores,
    reserved_memory_mib,
)

NOTHING = Resources(0, 0)
KINDS = st.sampled_from(sorted(INSTANCE_TYPES.values(), key=lambda kind: kind.name))


@pytest.mark.parametrize(
    # As nodeadm has it: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the others.
    ("vcpus", "millicores"),
    [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (96, 310), (192, 550)],
)
def test_cpu_that_the_kubelet_keeps_goes_by_the_number_of_cores(vcpus, millicores):
    assert reserved_cpu_millicores(vcpus) == millicores


def test_memory_that_the_kubelet_keeps_goes_by_the_number_of_pods():
    assert [reserved_memory_mib(pods) for pods in (0, 29, 110)] == [255, 574, 1465]


def test_kubelet_is_told_what_is_taken_off():
    assert kubelet(110) == {"maxPods": 110, "kubeReserved": {"memory": "1465Mi"}}


def test_a_node_less_what_the_machine_the_kubelet_and_the_daemons_keep():
    # 16 GiB less 7.5 %, 15155 MiB, less 1465 for the kubelet, 100 before eviction and 1024 for daemons.
    found = allocatable(instance_type("m7i.xlarge"), 110, Resources(500, 1024))
    assert found == Resources(cpu_millicores=4000 - 80 - 500, memory_mib=15155 - 1465 - 100 - 1024)


def test_nothing_is_left_where_the_daemons_take_all():
    assert allocatable(instance_type("t3.medium"), 110, Resources(10_000, 100_000)) == NOTHING


@given(KINDS, st.integers(10, 250), st.integers(0, 4000), st.integers(0, 8192))
def test_pods_never_have_more_than_the_hardware_and_never_less_than_nothing(kind, pods, cpu, memory):
    found = allocatable(kind, pods, Resources(cpu, memory))
    assert 0 <= found.cpu_millicores < kind.vcpus * 1000
    assert 0 <= found.memory_mib < kind.memory_gib * 1024
    less = allocatable(kind, pods + 1, Resources(cpu + 1, memory + 1))
    assert less.cpu_millicores <= found.cpu_millicores
    assert less.memory_mib <= found.memory_mib
