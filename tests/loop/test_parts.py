"""Small parts of the loop: schedules, the clock, processes, the text format, the user's data."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from loop.clock import Clock
from loop.cron import CronError, following
from loop.machine import Machine, MachineError, Pod, entry_point, rewritten
from loop.payments import SHIFTED, USUAL, payments, table
from loop.prometheus import parsed

START = datetime(2026, 1, 31, 23, 50, 30, tzinfo=UTC)
RUNTIME = "1.dkr.ecr.eu-west-1.amazonaws.com/mlplatform-runtime@sha256:0"


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("*/15 * * * *", datetime(2026, 2, 1, 0, 0, tzinfo=UTC)),
        ("30 1 * * *", datetime(2026, 2, 1, 1, 30, tzinfo=UTC)),
        ("55 23 * * *", datetime(2026, 1, 31, 23, 55, tzinfo=UTC)),
        ("0 4 * * 1", datetime(2026, 2, 2, 4, 0, tzinfo=UTC)),
        ("0 4 * * 0,7", datetime(2026, 2, 1, 4, 0, tzinfo=UTC)),
        ("5 9-10 3 * *", datetime(2026, 2, 3, 9, 5, tzinfo=UTC)),
        ("0 0 1 6 *", datetime(2026, 6, 1, 0, 0, tzinfo=UTC)),
    ],
)
def test_schedules(schedule, wanted):
    assert following(schedule, START) == wanted


@pytest.mark.parametrize("schedule", ["@daily", "* * * *", "61 x * * *", "0 0 31 2 *"])
def test_no_schedules(schedule):
    with pytest.raises(CronError):
        following(schedule, START)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, Clock(tmp_path / "clock"), "eu-west-1")


def ran(machine, code, **container):
    """What a container wrote."""
    process = machine.start(
        {"name": "c", "command": ["python", "-c", code], **container}, Pod("p", "n", annotations={"a/b": "7"})
    )
    assert process.wait(30) == 0, process.text
    return process.text.strip()


def test_a_process_has_the_platforms_clock(machine):
    machine.clock.pass_(3600 * 24 * 3)
    code = "import time, datetime; print(time.time(), datetime.datetime.now(datetime.UTC).timestamp())"
    seconds = [float(text) for text in ran(machine, code).split()]
    assert seconds == pytest.approx([machine.clock.time()] * 2, abs=5)


def test_whoever_sleeps_lets_the_clock_go_on(machine):
    before = machine.clock.advance
    code = "import time; a = time.monotonic(); time.sleep(600); print(round(time.monotonic() - a))"
    process = machine.start({"name": "c", "command": ["python", "-c", code]}, Pod("p", "n"), changes={"POD_HURRY": "1"})
    assert (process.wait(30), process.text.strip()) == (0, "600")
    assert machine.clock.advance - before == pytest.approx(600, abs=1)


def test_names_of_services_lead_to_ports_of_this_machine(machine):
    machine.serve("registry.ml.svc:5000", 40001)
    code = "import socket; print(socket.getaddrinfo('registry.ml.svc', 5000)[0][4])"
    assert ran(machine, code) == "('127.0.0.1', 40001)"


def test_variables_are_those_of_the_container_and_no_others(machine, monkeypatch):
    monkeypatch.setenv("FROM_THE_SHELL", "1")
    env = [
        {"name": "VERSION", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}},
        {"name": "URI", "value": "s3://b/$(VERSION)/$(UNKNOWN)"},
    ]
    code = "import os; print(os.environ['URI'], 'FROM_THE_SHELL' in os.environ)"
    assert ran(machine, code, env=env) == "s3://b/7/$(UNKNOWN) False"


def test_a_missing_secret_is_an_error(machine):
    with pytest.raises(MachineError, match="p: no secret s in n"):
        ran(machine, "pass", envFrom=[{"secretRef": {"name": "s"}}])


def test_the_entry_point_of_the_runtimes_image_is_that_of_its_dockerfile():
    assert entry_point(RUNTIME) == ["python", "-m", "mlplatform.runtime"]
    assert entry_point("1.dkr.ecr.eu-west-1.amazonaws.com/mlflow@sha256:0") == ()


def test_texts_are_replaced_once_the_longest_first():
    assert rewritten("/t/a /etc/t /tx", {"/t": "/x/t/y", "/etc/t": "/z"}) == "/x/t/y/a /z /x/t/yx"


def test_the_text_format():
    text = '# TYPE a gauge\na{b="c\\"d",e="f"} 1.5\ng 2\nh{le="+Inf"} +Inf\n'
    assert list(parsed(text)) == [
        ("a", {"b": 'c"d', "e": "f"}, 1.5),
        ("g", {}, 2.0),
        ("h", {"le": "+Inf"}, float("inf")),
    ]
    with pytest.raises(ValueError, match="is no sample"):
        list(parsed("a b c d e"))


@pytest.mark.parametrize("world", [USUAL, SHIFTED])
def test_made_up_payments_are_the_same_by_the_same_chance(world):
    first, second = (list(islice(payments(world, random.Random(1)), 500)) for _ in range(2))  # noqa: S311
    assert first == second
    assert 0.1 < sum(row.fraud for row in first) / 500 < 0.5
    assert table(first[:1]).splitlines()[0] == "amount,distance_km,hour,merchant_risk,fraud"


def test_the_clock_goes_on_to_a_moment_and_never_back(tmp_path):
    clock = Clock(tmp_path / "clock")
    moment = clock.now() + timedelta(days=2)
    clock.until(moment)
    assert abs((clock.now() - moment).total_seconds()) < 5
    clock.until(moment - timedelta(days=1))
    assert clock.now() >= moment
