"""Losses: which are accepted, by whom, until when, and what accepts nothing."""

from datetime import date

import pytest

from graphs import BUCKET, TABLE, graph, made, urn
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.policies import losses

TODAY = date(2026, 11, 25)
DIFF = compare(graph(made("objects", BUCKET), made("rows", TABLE)), graph())
NOTHING = compare(graph(), graph())
ROW = """\
accepted:
- resource: "aws:s3/bucket:Bucket::obj*"
  reason: moved to the other account
  expires: "2026-12-31"
"""


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text, stack="prod"):
        tmp_path.joinpath(losses.FILE).write_text(text)
        return losses.read_accepted(tmp_path, stack)

    return read


def names(diff, urns=(), accepted=(), today=TODAY):
    return [step.name for step in losses.unaccepted(diff, urns, accepted, today)]


def test_without_a_word_every_loss_counts(tmp_path):
    assert losses.read_accepted(tmp_path, "prod") == ()
    assert names(DIFF) == ["rows", "objects"]
    assert names(NOTHING) == []


def test_losses_are_accepted_by_urn_and_by_row(rows):
    assert names(DIFF, [urn("rows", TABLE)]) == ["objects"]
    assert names(DIFF, [], rows(ROW)) == ["rows"]
    assert names(DIFF, [urn("rows", TABLE)], rows(ROW)) == []


def test_a_renamed_resource_is_accepted_by_either_urn():
    before = graph(made("old", TABLE, inputs={"hashKey": "a"}))
    after = graph(made("new", TABLE, inputs={"hashKey": "b"}, options={"aliases": [{"name": "old"}]}))
    diff = compare(before, after)
    assert names(diff) == ["new"]
    assert names(diff, [urn("old", TABLE)]) == names(diff, [urn("new", TABLE)]) == []


def test_a_row_holds_until_the_end_of_its_last_day(rows):
    accepted = rows(ROW)
    assert names(DIFF, [], accepted, date(2026, 12, 31)) == ["rows"]
    assert names(DIFF, [], accepted, date(2027, 1, 1)) == ["rows", "objects"]


def test_rows_of_other_stacks_do_not_count(rows):
    assert rows(ROW + "  stack: staging\n") == ()
    assert len(rows(ROW + "  stack: prod\n")) == 1
    assert rows("accepted: []\n") == rows("accepted:\n") == rows("") == ()


def test_what_accepts_nothing_is_an_error(rows):
    with pytest.raises(BadInput) as refused:
        losses.unaccepted(DIFF, ["urn:x"], (), TODAY)
    assert str(refused.value) == (
        "--accept-loss urn:x: nothing of that URN would be lost; "
        f"lost would be {urn('rows', TABLE)}, {urn('objects', BUCKET)}"
    )
    with pytest.raises(BadInput) as refused:
        losses.unaccepted(NOTHING, ["urn:x"], (), TODAY)
    assert str(refused.value) == (
        "--accept-loss urn:x: nothing of that URN would be lost; nothing would be lost at all; leave it out"
    )
    with pytest.raises(BadInput) as refused:
        losses.unaccepted(NOTHING, [], rows(ROW), TODAY)
    assert str(refused.value) == (
        "losses.yaml:2:3: accepted[0] accepts aws:s3/bucket:Bucket::obj*, of which nothing would be lost; "
        "remove the row"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other: []\n", "1:8: other is nothing that this file has; it has `accepted`, a list of rows"),
        (
            "accepted: {a: b}\n",
            "1:11: accepted is a mapping; it must be a list of rows with resource, reason, expires, stack",
        ),
        ("accepted: [x]\n", '1:12: accepted[0] is "x"; it must be a mapping (key: value)'),
        (
            "accepted: [{rule: x}]\n",
            "1:19: accepted[0].rule is no field of a row; allowed are resource, reason, expires, stack",
        ),
        ("accepted: [{resource: x}]\n", "1:12: accepted[0] has no reason; add it"),
        (
            ROW.replace("moved to the other account", "moved"),
            "3:11: accepted[0].reason is 'moved'; say in 10 characters or more why it may be lost",
        ),
        (
            ROW.replace("2026-12-31", "soon"),
            "4:12: accepted[0].expires is 'soon'; it must be a day such as \"2027-06-30\", quoted",
        ),
    ],
)
def test_bad_rows(rows, text, message):
    with pytest.raises(BadInput) as refused:
        rows(text)
    assert str(refused.value) == f"losses.yaml:{message}"


def test_the_refusal_names_each_loss_and_the_rows_that_ended(rows):
    accepted = rows(ROW)
    late = date(2027, 1, 1)
    lost = losses.unaccepted(DIFF, [], accepted, late)
    assert losses.refusal(lost, accepted, late) == (
        "this change loses what cannot be made again:\n"
        "  urn:pulumi:dev::proj::aws:dynamodb/table:Table::rows: its items (delete)\n"
        "  urn:pulumi:dev::proj::aws:s3/bucket:Bucket::objects: its objects (delete)\n"
        "    losses.yaml:2:3: the row that accepts it ended on 2026-12-31\n"
        "Give --accept-loss URN for each that may be lost, or a row in losses.yaml beside the stacks' files."
    )
