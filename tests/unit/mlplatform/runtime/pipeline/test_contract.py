"""What the component tells the jobs is what they read: settings, arguments and variables, from its own template."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from examples import training_pipeline as example
from mlplatform.contracts.pipeline import CONFIG, FIRST_ROUND, OUTPUTS, RUN, output_variable
from mlplatform.runtime.pipeline import register, select, trials
from mlplatform.runtime.pipeline.settings import surroundings
from recorded import record

JOBS = {"register": register, "select": select, "trials": trials}
TYPE = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"
EXAMPLES: Mapping[str, dict[str, object]] = {"base": example.BASE, "smallest": example.SMALLEST}


def containers(name: str) -> dict[str, Any]:
    """The jobs' containers by job, as the recorded template has them."""
    spec = record(partial(example.program, EXAMPLES[name])).inputs(TYPE)["spec"]
    found = {each["name"]: each["container"] for each in spec["templates"] if "container" in each}
    return {job: found[job] for job in JOBS}


def plain(text: str) -> str:
    """A text in which Argo has replaced what it replaces."""
    return re.sub(r"\{\{[^}]*\}\}", "1", text)


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: plain(each["value"]) for each in container["env"] if "value" in each}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_jobs_read_what_the_component_writes(name: str) -> None:
    for job, container in containers(name).items():
        found = environment(container)
        settings = surroundings(found).settings
        assert (settings.model, settings.pipeline) == (EXAMPLES[name]["model"], "x"), job
        assert found[RUN] == "1"
        assert {output_variable(output) for output in OUTPUTS[job]} <= found.keys()


def test_every_setting_arrives() -> None:
    settings = surroundings(environment(containers("base")["trials"])).settings
    assert settings.search.space.keys() == {"model", "depth", "rate"}
    assert settings.search.points is None
    assert settings.objective.constraints.keys() == {"latency_ms"}
    assert settings.reference_bucket == "features-1a2b3c4"
    assert settings.code.commit == "3f786850e387550fdab836ed7e6dc881de23001b"


@pytest.mark.parametrize("job", sorted(JOBS))
def test_the_command_line_is_one_that_the_job_takes(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    container = containers("base")[job]
    words = [plain(word) for word in (*container["command"], *container.get("args", ()))]
    assert words[:4] == ["python", "-m", "mlplatform.runtime", job]
    # Parsed, and then stopped by the first thing that it lacks.
    assert JOBS[job].main(words[4:], {CONFIG: ""}) == 2
    assert "misconfigured" in capsys.readouterr().out


def test_the_first_round_is_the_one_that_the_search_begins_with() -> None:
    assert FIRST_ROUND == 0
    template = record(partial(example.program, example.BASE)).inputs(TYPE)["spec"]["templates"]
    steps = [step for each in template for group in each.get("steps", ()) for step in group]
    (first,) = (step for step in steps if step["name"] == "search")
    assert first["arguments"]["parameters"] == [{"name": "round", "value": str(FIRST_ROUND)}]
