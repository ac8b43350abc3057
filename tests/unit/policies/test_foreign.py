"""Other people's resources: each is caught by the right rule, and by no other."""

import pytest

from foreign_resources import FOREIGN, HOUSE
from judging import Program, config_of, graph_of, judged
from mlplatform_policies.catalogue import RULES


def test_there_are_twenty() -> None:
    assert len(FOREIGN) >= 20


@pytest.mark.parametrize("program", FOREIGN, ids=lambda program: program.__name__)
def test_resource_is_caught_by_the_right_rule_and_no_other(program: Program) -> None:
    graph = graph_of(program)
    names = {node["urn"]: node["name"] for node in graph["resources"]}
    found: dict[str, set[str]] = {}
    for result in judged(graph, RULES, config_of("prod", **dict.fromkeys(HOUSE, "disabled"))):
        assert result["kind"] == "finding", result
        found.setdefault(names.get(result["urn"], ""), set()).add(result["policy"])
    assert found == FOREIGN[program]
