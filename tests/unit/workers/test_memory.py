"""How much memory there is: the machine's, or less where a control group says so."""

from pathlib import Path

import pytest

from streamtime.workers.process import memory_bytes

GIB = 2**30


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_without_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path) > 256 * 2**20


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"sys/fs/cgroup/memory.max": "268435456\n"}, GIB // 4),
        ({"sys/fs/cgroup/memory.max": "max\n"}, None),
        ({"sys/fs/cgroup/box/memory.max": "134217728\n", "sys/fs/cgroup/box/in/memory.max": "max\n"}, GIB // 8),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n"}, GIB // 16),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
    ids=["version 2", "no limit", "a group above", "version 1", "version 1 without a limit"],
)
def test_a_group_may_allow_less(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/box/in\n4:memory:/\n")
    for path, text in files.items():
        write(tmp_path, path, text)
    assert memory_bytes(tmp_path) == (limit or memory_bytes(tmp_path / "nowhere"))
