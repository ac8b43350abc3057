"""The policy pack that the Pulumi engine starts: every rule of the catalogue."""

from pulumi_policy import PolicyPack

from catalogue import RULES
from exceptions import Exceptions
from pack import policies

if __name__ == "__main__":
    PolicyPack(name="mlplatform", policies=policies(RULES, Exceptions.of()))
