"""Random kills, and operations in any order: some of each here, many in `make soak`."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.random_kills import kill_at_random
from tests.faults.state_machine import ServerStateMachine
from tests.faults.traced_server import TracedServer


def test_a_kill_at_any_time_loses_nothing_acknowledged(traced_server: TracedServer, film: bytes) -> None:
    survived = kill_at_random(traced_server, film, "20261125", 2)
    print(survived)
    assert survived.answers > 0


@pytest.mark.parametrize("kind", ["traced_server", "bucket_server"])
def test_rows_objects_and_bytes_are_consistent_after_operations_in_any_order(
    request: pytest.FixtureRequest, kind: str, film: bytes
) -> None:
    ServerStateMachine.server, ServerStateMachine.film, ServerStateMachine.steps = (
        request.getfixturevalue(kind),
        film,
        {},
    )
    chosen = settings(
        max_examples=3,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(ServerStateMachine, settings=chosen)
    print(ServerStateMachine.steps)
    assert ServerStateMachine.steps["steps"] > 90
