"""Kubernetes objects as files: what is written where, what is left alone."""

from pathlib import Path

import pytest
import yaml

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import Graph, Resource
from mlplatform.preview.reports.manifests import MARKER, Written, write


def kube(name, type_="kubernetes:core/v1:ConfigMap", kind="ConfigMap", metadata=None, **fields):
    inputs = {"kind": kind, "apiVersion": "v1", "metadata": {"name": name} if metadata is None else metadata}
    given = {"kind": "custom", "inputs": {**inputs, **fields.pop("inputs", {})}, **fields}
    return Resource(f"urn:{type_}::{name}", type_, name, **given)


def graph(*resources):
    return Graph("proj", "dev", resources=resources)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files(directory="out"):
    return sorted(path.relative_to(directory).as_posix() for path in Path(directory).rglob("*") if path.is_file())


def test_an_object_is_written_as_yaml_that_no_reader_takes_for_something_else():
    data = {"text": "two\nlines\n", "answer": "yes", "size": "1e3", "gone": "[unknown]", "key": "[secret]"}
    metadata = {"namespace": "Apps", "name": "Web"}
    done = write(graph(kube("web", metadata=metadata, inputs={"data": data, "binaryData": {}})), Path("out"))
    assert done == Written(("apps/configmap-web.yaml",), (), ())
    text = Path("out/apps/configmap-web.yaml").read_text()
    assert text == (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  namespace: Apps\n  name: Web\nbinaryData: {}\ndata:\n"
        "  text: |\n    two\n    lines\n  answer: \"yes\"\n  size: \"1e3\"\n  gone: '[unknown]'\n  key: '[secret]'\n"
    )
    assert yaml.safe_load(text)["data"] == data
    assert Path("out", MARKER).read_text() == "apps/configmap-web.yaml\n"


def test_generated_names_are_those_of_the_graph():
    named = kube("logical", metadata={}, outputs={"metadata": {"name": "logical-1a2b3c4"}})
    strict = kube("strict", metadata={"labels": {}})
    opaque = kube("opaque", metadata="[unknown]")
    assert write(graph(named, strict, opaque), Path("out")).files == (
        "_cluster/configmap-logical-1a2b3c4.yaml",
        "_cluster/configmap-opaque.yaml",
        "_cluster/configmap-strict.yaml",
    )
    assert yaml.safe_load(Path("out/_cluster/configmap-logical-1a2b3c4.yaml").read_text())["metadata"] == {
        "name": "logical-1a2b3c4"
    }


def test_names_cannot_leave_the_directory():
    write(graph(kube("a", metadata={"namespace": "../..", "name": "../x/[unknown]"})), Path("out"))
    assert files() == [MARKER, "__../configmap-__x__unknown_.yaml"]


def test_two_objects_of_one_name_get_two_files():
    first = kube("web", "kubernetes:networking.k8s.io/v1:Ingress", "Ingress")
    second = kube("web", "kubernetes:extensions/v1beta1:Ingress", "Ingress")
    written = write(graph(first, second), Path("out")).files
    assert len(written) == 2
    assert write(graph(second, first), Path("out")).files == written


def test_what_has_no_manifest_is_named():
    done = write(
        graph(
            Resource("urn:1", "kubernetes:helm.sh/v3:Release", "kueue", "custom", inputs={"chart": "kueue"}),
            Resource("urn:2", "kubernetes:helm.sh/v4:Chart", "argo", "remote", leaf="remote component"),
            kube("all", "kubernetes:core/v1:ConfigMapList", "ConfigMapList", inputs={"items": []}),
            kube("aws-auth", "kubernetes:core/v1:ConfigMapPatch"),
            Resource("urn:3", "kubernetes:yaml:ConfigFile", "crds", "component"),
            Resource("urn:4", "pulumi:providers:kubernetes", "cluster", "provider"),
            Resource("urn:5", "kubernetes:core/v1:Secret", "theirs", "read"),
            Resource("urn:6", "aws:sqs/queue:Queue", "q", "custom"),
        ),
        Path("out"),
    )
    assert done == Written(
        (),
        (),
        (
            "kubernetes:helm.sh/v3:Release kueue: a Helm release: Helm renders its objects",
            "kubernetes:helm.sh/v4:Chart argo: remote component",
            "kubernetes:core/v1:ConfigMapList all: a list: it is no object",
            "kubernetes:core/v1:ConfigMapPatch aws-auth: a patch of an object that is not in this stack",
            "kubernetes:yaml:ConfigFile crds: no Kubernetes object of its own",
        ),
    )


def test_files_of_an_earlier_run_go_and_all_others_stay():
    write(graph(kube("a"), kube("b", metadata={"name": "b", "namespace": "n"})), Path("out"))
    Path("out/_cluster/mine.txt").touch()
    before = Path("out/_cluster/configmap-a.yaml").read_bytes()
    done = write(graph(kube("a")), Path("out"))
    assert done == Written(("_cluster/configmap-a.yaml",), ("n/configmap-b.yaml",), ())
    assert files() == [MARKER, "_cluster/configmap-a.yaml", "_cluster/mine.txt"]
    assert not Path("out/n").exists()
    assert Path("out/_cluster/configmap-a.yaml").read_bytes() == before


def test_a_marker_cannot_make_us_remove_what_lies_elsewhere():
    write(graph(), Path("out"))
    Path("precious").touch()
    Path("out", MARKER).write_text("../precious\n")
    assert write(graph(), Path("out")).removed == ()
    assert Path("precious").exists()


def test_an_empty_directory_is_fine_and_a_foreign_one_is_not():
    Path("empty").mkdir()
    assert write(graph(kube("a")), Path("empty")).files == ("_cluster/configmap-a.yaml",)
    Path("foreign").mkdir()
    Path("foreign/thing").touch()
    with pytest.raises(BadInput) as refused:
        write(graph(kube("a")), Path("foreign"))
    assert str(refused.value) == (
        "foreign: holds files that were not written by this command; give an empty or a new directory (--out DIR)"
    )
    with pytest.raises(BadInput) as refused:
        write(graph(kube("a")), Path("foreign/thing"))
    assert str(refused.value) == "foreign/thing: is a file; give a directory (--out DIR)"
    assert files("foreign") == ["thing"]
