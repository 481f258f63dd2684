"""The wheel is whole: installed elsewhere, it serves pages, styles and a migrated database from any directory."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=900)
    (built,) = folder.glob("streamtime-*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own, which borrows the libraries of this one but not the sources."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, timeout=600)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    where = subprocess.check_output(
        [python, "-c", "import streamtime; print(streamtime.__file__)"], text=True, cwd=folder
    )
    assert where.startswith(str(folder))
    return folder / "bin" / "streamtime"


@asynccontextmanager
async def serving(command: Path, folder: Path) -> AsyncIterator[str]:
    """The address of a server started from an empty directory; ended by SIGTERM, which it must obey."""
    environ = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "STREAMTIME_DATA_DIR": str(folder / "state"),
        "STREAMTIME_SERVER__HOST": "127.0.0.1",
    }
    process = await asyncio.create_subprocess_exec(
        command, "serve", "--port", "0", cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield await _address(process.stdout)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.stdout.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address(lines: asyncio.StreamReader) -> str:
    ready = False
    async with asyncio.timeout(30):
        async for line in lines:
            ready = ready or b"Streamtime is ready" in line
            found = re.search(rb"http://127\.0\.0\.1:\d+", line)
            if ready and found:
                return found[0].decode()
    raise AssertionError("the server ended before it was ready")


def test_the_wheel_holds_what_a_browser_gets_and_the_migrations(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "streamtime/_web/dist/manifest.json" in names
    assert "streamtime/_web/templates/pages/login.html" in names
    scripts = [name for name in names if name.startswith("streamtime/_web/dist/") and name.endswith((".js", ".css"))]
    for script in scripts:
        assert {script + ".br", script + ".gz"} <= {*names}
    assert "streamtime/_migrations/env.py" in names
    assert any(name.startswith("streamtime/_migrations/versions/") for name in names)
    assert "streamtime/py.typed" in names
    assert [name for name in names if "node_modules" in name or name.startswith("tests/")] == []


async def test_it_serves_from_an_empty_directory(command: Path, tmp_path: Path) -> None:
    async with serving(command, tmp_path) as address, httpx.AsyncClient(base_url=address) as browser:
        assert (await browser.get("/healthz")).status_code == 200
        page = await browser.get("/setup")
        assert page.status_code == 200
        assets = set(re.findall(r'"(/assets/[^"]+\.(?:css|js))"', page.text))
        assert len(assets) >= 2
        for asset in assets:
            assert (await browser.get(asset)).status_code == 200
    assert (tmp_path / "state").is_dir()


async def test_it_starts_again_on_what_it_left(command: Path, tmp_path: Path) -> None:
    for _ in range(2):
        async with serving(command, tmp_path) as address, httpx.AsyncClient(base_url=address) as browser:
            assert (await browser.get("/healthz")).status_code == 200


def test_the_command_tells_its_version(command: Path, tmp_path: Path) -> None:
    said = subprocess.check_output([command, "--version"], text=True, cwd=tmp_path, timeout=180)
    assert re.search(r"\d+\.\d+\.\d+", said)
