"""What MLflow's client is asked when others were faster, or much is there: against fakes of single calls."""

from typing import Any

import pytest

from mlplatform.contracts.tracking import RegistryError
from mlplatform.runtime.pipeline import registry
from mlplatform.runtime.pipeline.registry import Workflow


class Found:
    """What a client answers, as attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def refusal(code: str) -> RegistryError:
    return RegistryError(code, code)


class Experiments:
    """A registry in which somebody makes the experiment between a look and a try."""

    def __init__(self, code: str, stage: str = "active") -> None:
        self.code = code
        self.looks = 0
        self.made = Found(experiment_id=7, lifecycle_stage=stage)

    def get_experiment_by_name(self, _: str) -> Found | None:
        self.looks += 1
        return self.made if self.looks > 1 else None

    def create_experiment(self, _: str) -> str:
        raise refusal(self.code)


def test_an_experiment_that_another_run_made_first() -> None:
    assert registry.experiment(Experiments("RESOURCE_ALREADY_EXISTS"), "fraud") == "7"


def test_an_experiment_that_cannot_be_made() -> None:
    with pytest.raises(RegistryError):
        registry.experiment(Experiments("PERMISSION_DENIED"), "fraud")


class Page(list[Found]):
    """A page of runs."""

    def __init__(self, runs: list[Found], token: str | None) -> None:
        super().__init__(runs)
        self.token = token


def run(number: int, trial: str = "", start: int = 0) -> Found:
    tags = {"mlplatform.run": "run-1", **({"mlplatform.trial": trial} if trial else {})}
    return Found(info=Found(run_id=f"{number:02}", start_time=start), data=Found(tags=tags))


class Paged:
    """A registry that hands out two runs at a time."""

    def __init__(self, *runs: Found) -> None:
        self.runs = runs
        self.asked: list[tuple[list[str], str]] = []

    def search_runs(self, experiments: list[str], asked: str, page_token: str | None) -> Page:
        self.asked.append((experiments, asked))
        at = int(page_token or 0)
        return Page(list(self.runs[at : at + 2]), str(at + 2) if at + 2 < len(self.runs) else None)


def test_all_pages_of_runs_are_read() -> None:
    client = Paged(*(run(number, str(number)) for number in range(4)), run(9))
    found = Workflow(client, "7", "run-1").runs()
    assert {trial: each.info.run_id for trial, each in found.items()} == {
        "": "09",
        "0": "00",
        "1": "01",
        "2": "02",
        "3": "03",
    }
    assert client.asked == [(["7"], "tags.`mlplatform.run` = 'run-1'")] * 3


def test_of_two_runs_of_one_trial_the_first_counts() -> None:
    client = Paged(run(3, "0", start=2), run(2, "0", start=1), run(1, "0", start=1), run(4, start=5), run(5, start=4))
    found = Workflow(client, "7", "run-1").runs()
    assert {trial: each.info.run_id for trial, each in found.items()} == {"": "05", "0": "01"}


class Refusing:
    """A registry that refuses everything in one way."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __getattr__(self, _: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            raise refusal(self.code)

        return call


def test_a_model_that_is_not_there_has_no_champion() -> None:
    assert registry.champion(Refusing("RESOURCE_DOES_NOT_EXIST"), "fraud") == "none"


@pytest.mark.parametrize("code", ["", "PERMISSION_DENIED", "INTERNAL_ERROR"])
def test_a_registry_that_does_not_say_is_not_one_without_a_champion(code: str) -> None:
    with pytest.raises(RegistryError):
        registry.champion(Refusing(code), "fraud")


def test_a_model_that_cannot_be_made() -> None:
    with pytest.raises(RegistryError):
        registry.new_version(Refusing("PERMISSION_DENIED"), "fraud", run(1), {})
