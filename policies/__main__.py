"""The policy pack that the Pulumi engine starts: every rule of the catalogue."""

from pulumi_policy import PolicyPack

from catalogue import RULES, policy

if __name__ == "__main__":
    PolicyPack(name="mlplatform", policies=[policy(rule) for rule in RULES])
