"""What the SDK of Kubeflow Pipelines itself does: `make kfp` runs this in an environment of its own."""

from pathlib import Path

import pytest

# Not `kfp`: to Python, this folder is a package of that name where the SDK is not installed.
pytest.importorskip("kfp.dsl", reason="kfp is not installed here; `make kfp` runs these tests", exc_type=ImportError)

import kfp
from kfp import local

import pipelines
from kubeflow_api import KubeflowApi, run_body

PACKAGES = sorted(pipelines.PIPELINES)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    pipelines.compile_into(folder)
    return folder


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_are_what_the_compiler_gives(name: str, compiled: Path) -> None:
    packaged = (pipelines.FOLDER / f"{name}.yaml").read_text()
    assert (compiled / f"{name}.yaml").read_text() == packaged, "compile them anew: python tests/kfp/pipelines.py"


def test_a_pipeline_runs_to_its_end_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Components install the SDK before they run; it is there, so pip has nothing to fetch.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    data = tmp_path / "pairs.csv"
    data.write_text("".join(f"{x / 4},{3 * x / 4 + 1}\n" for x in range(16)))
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "out"))
    done = pipelines.line(data_uri=data.as_uri(), requested_by="schedule", steps=2000, rate=0.05)
    assert done.outputs["Output"] == pytest.approx(0, abs=1e-3)
    short = pipelines.line(data_uri=data.as_uri(), requested_by="schedule", steps=1, rate=0.05)
    assert short.outputs["Output"] > 1


@pytest.mark.parametrize("name", PACKAGES)
def test_the_client_of_the_sdk_makes_the_same_run(name: str) -> None:
    package = pipelines.FOLDER / f"{name}.yaml"
    parameters = {"data_uri": "s3://features/day/"}
    with KubeflowApi() as api:
        client = kfp.Client(host=api.url)
        experiment = client.create_experiment("fraud")
        assert client.get_experiment(experiment_name="fraud").experiment_id == experiment.experiment_id
        made = client.run_pipeline(experiment.experiment_id, "fraud-x7k2p", str(package), params=parameters)
        wanted = run_body("fraud-x7k2p", experiment.experiment_id, package.read_text(), parameters)
        assert {field: api.runs[made.run_id].get(field) for field in wanted} == wanted
        assert client.get_run(made.run_id).state == "PENDING"
        assert client.wait_for_run_completion(made.run_id, timeout=60, sleep_duration=0).state == "SUCCEEDED"
        (listed,) = client.list_runs(experiment_id=experiment.experiment_id).runs
        assert (listed.run_id, listed.display_name) == (made.run_id, "fraud-x7k2p")
        client.terminate_run(made.run_id)
