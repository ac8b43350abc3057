"""No environment fails for resources that do not exist, as in its first preview or in an update that skips them."""

import runpy

import pytest
from pulumi.runtime.config import set_all_config

from environments import ENVIRONMENTS, configuration, encoded
from mlplatform.preview.recorder.identities import Place
from placeholders import run
from recorded import ROOT


@pytest.mark.parametrize("stack", ENVIRONMENTS)
@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_environment_of_placeholders(stack: str, preview: bool) -> None:
    config = configuration(stack)

    def program() -> None:
        set_all_config(encoded(config), [])
        runpy.run_path(str(ROOT / "stacks"), run_name="__main__")

    place = Place(config["region"], config["account_id"])
    run(program, preview=preview, place=place, project="mlplatform", name=stack)
