import os
import subprocess
import sys

import pytest

from recommend.cpus import available_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system lets no process choose its cores")
def test_only_the_cores_that_a_process_may_use_count() -> None:
    script = (
        "import os; from recommend.cpus import available_cores\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_where_a_process_cannot_tell_its_own_all_cores_count(
    monkeypatch: pytest.MonkeyPatch, count: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert available_cores() == expected
