"""What is taken for the same between two environments."""

import pytest

from graphs import BUCKET, GROUP, QUEUE, graph, made, urn
from mlplatform.preview.graph.identity import pairs
from mlplatform.preview.graph.normalize import Names, Same, names_of

AWS = "pulumi:providers:aws"


def names(*same):
    found = Names()
    for kind, first, second in same:
        found.add(kind, first, second)
    return found


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("staging", "prod", True),
        ("ml-staging/", "ml-prod/", True),
        ("ml_staging.x", "ml_prod.x", True),
        ("s3_staging_location: x", "s3_staging_location: x", True),
        ("models.staging.example.com", "models.example.com", False),
        ("staginger", "proder", False),
        ("restaging", "reprod", False),
        ("arn:aws:iam::222222222222:role/a", "arn:aws:iam::333333333333:role/a", True),
        ("2222222222220", "3333333333330", False),
        ("eu-west-1", "eu-central-1", True),
        ("eu-west-1a", "eu-central-1a", True),
        ("eu-west-1a", "eu-central-1b", False),
        ("eu-west-1ab", "eu-central-1ab", False),
        ("eu-west-10", "eu-central-10", False),
        ("fraud_staging.customer", "fraud.customer", True),
        ("fraud_staging_x", "fraud_x", True),
        ("frauds", "fraud", False),
        ("", "", True),
        ("staging prod", "prod staging", True),
    ],
)
def test_a_name_counts_wherever_it_stands_as_words(first, second, alike):
    found = names(
        ("stack", "staging", "prod"),
        ("account", "222222222222", "333333333333"),
        ("region", "eu-west-1", "eu-central-1"),
        ("name", "fraud_staging", "fraud"),
    )
    assert (found.alike(first) == found.alike(second)) is alike


def test_only_what_is_new_is_listed():
    found = names(
        ("stack", "staging", "prod"),
        ("name", "ml-staging", "ml-prod"),
        ("name", "ab", "cd"),
        ("name", "same", "same"),
        ("name", "[secret]", "known"),
        ("name", "x-[unknown]", "x-known"),
        ("name", "/leading", "/other"),
        ("name", None, "known"),
        ("name", 33333, 44444),
        ("name", "one", "two"),
    )
    assert found.found == [Same("stack", "staging", "prod"), Same("name", "one", "two")]


def test_what_is_the_same_as_the_same_is_the_same():
    found = names(("name", "one", "two"), ("name", "three", "four"), ("name", "two", "three"))
    assert len({found.alike(text) for text in ("one", "two", "three", "four")}) == 1
    assert found.alike("five") == "five"


def environment(stack, account, region, bucket, suffix):
    provider = made("aws", AWS, inputs={"allowedAccountIds": f'["{account}"]', "region": region})
    named = made("data", BUCKET, inputs={"bucket": bucket})
    queue = made("jobs", inputs={"name": "jobs"})
    group = made("group", GROUP, inputs={"name": f"group-{suffix}"})
    made_up = [(urn("jobs"), "id", f"jobs-{suffix}"), (urn("data", BUCKET), "bucket", bucket)]
    return graph(provider, named, queue, group, stack=stack, placeholders=made_up)


def test_what_graphs_say_of_themselves():
    first = environment("staging", "222222222222", "eu-west-1", "acme-data", "aaaaaaa")
    second = environment("prod", "333333333333", "eu-central-1", "data-of-acme", "bbbbbbb")
    assert names_of(first, second, pairs(first, second)).found == [
        Same("stack", "staging", "prod"),
        Same("account", "222222222222", "333333333333"),
        Same("region", "eu-west-1", "eu-central-1"),
        Same("name", "acme-data", "data-of-acme"),
        Same("generated", "jobs-aaaaaaa", "jobs-bbbbbbb"),
    ]


@pytest.mark.parametrize("accounts", [None, [], ["222222222222", "444444444444"], "[unknown]"])
def test_accounts_are_taken_for_the_same_where_each_environment_has_one(accounts):
    inputs = {"allowedAccountIds": accounts}
    first, second = (graph(made("aws", AWS, inputs=inputs), stack=stack) for stack in ("first", "second"))
    assert names_of(first, second, pairs(first, second)).found == [Same("stack", "first", "second")]


def test_a_name_that_another_resource_only_refers_to_is_no_name_of_its_own():
    def one(suffix):
        policy = made("policy", QUEUE, inputs={"bucket": f"data-{suffix}"})
        made_up = [(urn("data", BUCKET), "bucket", f"data-{suffix}")]
        return graph(made("data", BUCKET), policy, placeholders=made_up)

    first, second = one("aaa"), one("bbb")
    assert names_of(first, second, pairs(first, second)).found == [Same("generated", "data-aaa", "data-bbb")]
