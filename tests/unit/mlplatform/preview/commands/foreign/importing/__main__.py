"""Another team's program that imports one component and gets its arguments wrong."""

import mlplatform

mlplatform.Network("net", mlplatform.NetworkArgs(cidr="10.0.0.0/8", zones=["eu-west-1a"], nat="always"))
