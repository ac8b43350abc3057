"""The policy pack that the Pulumi engine starts: every rule of the catalogue."""

from pulumi_policy import PolicyPack

from mlplatform_policies.catalogue import RULES
from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.pack import policies

if __name__ == "__main__":
    PolicyPack(name="mlplatform", policies=policies(RULES, Exceptions.of()))
