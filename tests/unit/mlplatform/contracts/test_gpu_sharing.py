"""Names and counts on which pools and GPU software agree."""

import re

import pytest

from mlplatform.contracts import gpu_sharing
from mlplatform.facts.aws.instances import accelerators, with_accelerator

PROFILES = [(gpu, profile) for gpu, profiles in gpu_sharing.MIG_PROFILES.items() for profile in profiles]


def test_names_are_those_of_the_device_plugin_and_the_mig_manager():
    assert gpu_sharing.TIME_SLICE == "nvidia.com/gpu.shared"
    assert gpu_sharing.mig_resource("1g.10gb") == "nvidia.com/mig-1g.10gb"
    assert gpu_sharing.mig_config("1g.10gb") == "all-1g.10gb"
    assert gpu_sharing.time_slicing_config(4) == "time-slicing-4"


def test_every_gpu_with_profiles_is_an_accelerator():
    assert set(gpu_sharing.MIG_PROFILES) < set(accelerators())


@pytest.mark.parametrize(("gpu", "profile"), PROFILES)
def test_partitions_fit_the_gpu(gpu, profile):
    slices, memory = map(int, re.fullmatch(r"(\d)g\.(\d+)gb", profile).groups())
    count = gpu_sharing.MIG_PROFILES[gpu][profile]
    # A GPU has seven slices of its processors at most. Names round the memory up or down by less than one.
    assert count * slices <= 7
    assert count * (memory - 1) <= with_accelerator(gpu)[0].accelerator_memory_gib
