"""The command line as a person meets it: answers in words, exit codes for scripts, never a traceback."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, running_server

PASSWORD = "correct horse battery"


@pytest.fixture
def idle() -> Iterator[Server]:
    """A server that is not started: a data directory and the command line."""
    with running_server(started=False) as made:
        yield made


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that fails as it should says: one line for people, on standard error."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("streamtime: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_check_finds_a_good_setting_good(idle: Server) -> None:
    done = idle.command("check")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(lines)
    assert {line[7:].partition(":")[0] for line in lines} >= {"config", "database", "storage", "worker", "front end"}


def test_check_works_beside_a_running_server(server: Server) -> None:
    assert server.command("check").returncode == 0


def test_check_names_the_fault(idle: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = idle.command("check", STREAMTIME_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stdout.startswith("fault  config: ")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["serve"], ["user", "list"], ["token", "list"]])
def test_a_misspelt_setting_is_answered_with_the_right_one(idle: Server, command: list[str]) -> None:
    assert "did you mean STREAMTIME_SERVER__PORT?" in refused(idle.command(*command, STREAMTIME_SERVER__PROT="1"))


def test_a_misspelt_key_of_the_file_is_answered_with_the_right_one(idle: Server, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[transcode]\nworkres = 2\n")
    assert "transcode.workers" in refused(idle.command("--config", str(file), "serve"))
    file.write_text("[transcode\n")
    assert str(file) in refused(idle.command("--config", str(file), "serve"))
    assert "nowhere.toml" in refused(idle.command("--config", str(tmp_path / "nowhere.toml"), "serve"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STREAMTIME_SERVER__PORT", "x"),
        ("STREAMTIME_SERVER__PORT", "70000"),
        ("STREAMTIME_UPLOADS__MAX_SIZE", "large"),
        ("STREAMTIME_TRANSCODE__CRF", "99"),
        ("STREAMTIME_ACCOUNTS__DEFAULT_VISIBILITY", "all"),
    ],
)
def test_a_value_that_will_not_do_is_named(idle: Server, name: str, value: str) -> None:
    said = refused(idle.command("serve", **{name: value}))
    assert name.removeprefix("STREAMTIME_").replace("__", ".").casefold() in said or name in said


def test_a_second_server_on_the_same_data_is_refused(server: Server) -> None:
    said = refused(server.command("serve", "--host", "127.0.0.1", "--port", "0"))
    assert "Another server is running" in said
    assert server.visitor().api.get("/healthz").status_code == 200


def test_a_port_in_use_is_refused(idle: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(idle.command("serve", "--host", "127.0.0.1", "--port", str(port)))
    assert f"port {port}" in said
    assert "--port" in said


def test_an_address_that_is_not_this_machines_is_refused(idle: Server) -> None:
    assert "192.0.2.1" in refused(idle.command("serve", "--host", "192.0.2.1", "--port", "0"))


def test_openapi_prints_json_and_nothing_else(idle: Server) -> None:
    done = idle.command("openapi")
    assert done.returncode == 0
    assert json.loads(done.stdout)["info"]["title"] == "Streamtime"
    assert not idle.data_dir.exists(), "it needs no data directory"


def test_a_script_sets_a_server_up_before_its_first_start(idle: Server) -> None:
    made = idle.command("user", "create", "Zoe", "--admin", "--password-stdin", given=PASSWORD)
    assert (made.returncode, made.stdout) == (0, "Made the admin Zoe.\n")
    token = idle.command("token", "create", "zoe", "--label", "script")
    assert token.stdout.startswith("st_")
    assert len(token.stdout.splitlines()) == 1, "a script takes all of the output as the token"
    idle.start()
    client = idle.client(Authorization=f"Bearer {token.stdout.strip()}")
    known = client.get("/api/v1/me").json()
    assert (known["name"], known["role"]) == ("Zoe", "admin")
    assert idle.setup_code == ""
    assert client.get("/setup").status_code == 404


def test_users_are_refused_in_words(shared_server: Server) -> None:
    shared_server.person("taken")

    def create(name: str, password: str = PASSWORD) -> str:
        return refused(shared_server.command("user", "create", name, "--password-stdin", given=password + "\n"))

    assert "taken" in create("Taken")
    for name in ("", "a b", ".a", "a/b", "\u00e4", "x" * 33):
        assert "name" in create(name)
    assert "password" in create("fine", "short")
    assert "password" in create("fine", "")
    assert "no user named nobody" in refused(shared_server.command("token", "create", "nobody", "--label", "x"))
    assert "no user named nobody" in refused(shared_server.command("user", "disable", "nobody"))
    assert "nothing" in refused(shared_server.command("token", "revoke", "nothing"))


def test_a_start_that_has_nothing_to_migrate_copies_nothing(server: Server) -> None:
    server.person("ann")
    server.restart()
    assert not (server.data_dir / "backups").exists()
    assert server.person("ann").api.get("/api/v1/me").status_code == 200


def test_the_data_are_for_their_owner_only(server: Server) -> None:
    assert server.data_dir.stat().st_mode & 0o077 == 0


def test_help_and_unknown_commands_end_as_scripts_expect(idle: Server) -> None:
    assert idle.command("--help").returncode == 0
    assert idle.command("nothing").returncode == 2
    assert idle.command("serve", "--port", "x").returncode == 2
    assert idle.command("--version").stdout.startswith("streamtime")


NO_BUCKET = 'data_dir = "data"\n[storage]\nbackend = "s3"\n'
BUCKET = (
    NO_BUCKET
    + """[storage.s3]
endpoint = "https://127.0.0.1:1"
bucket = "films"
access_key = "a"
secret_key = "b"
"""
)
PROVIDER = '[accounts.oidc]\nissuer = "https://auth.example.org"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (NO_BUCKET, "storage.s3.endpoint"),
        (NO_BUCKET + '[storage.s3]\nendpoint = "http://127.0.0.1:1"\n', "storage.s3.bucket"),
        (BUCKET.replace('access_key = "a"\n', ""), "storage.s3.access_key"),
        (BUCKET.replace("films", "a_b"), "storage.s3.bucket"),
        (BUCKET + 'prefix = "../up"\n', "storage.s3.prefix"),
        (BUCKET + "redirect_public = true\n", "storage.s3.public_endpoint"),
        (BUCKET + 'ca_file = "/nowhere.pem"\n', "storage.s3.ca_file"),
        ("[transcode]\nmax_height = 150\n", "transcode.max_height"),
        ('[backup]\nto = "objects/copies"\n', "backup.to"),
        ('[backup]\nto = "~nobody-of-that-name/copies"\n', "backup.to"),
        ('data_dir = "~nobody-of-that-name/data"\n', "data_dir"),
        (PROVIDER, "accounts.oidc.client_id"),
        (PROVIDER + 'client_id = "x"\nclient_secret_file = "/nowhere"', "accounts.oidc.client_secret_file"),
        ('[server]\nport = "1"\n', "server.port"),
        ("[server]\nport = 99999999999999999999999\n", "server.port"),
        ("[server]\nport = nan\n", "server.port"),
        ("[server]\nhost = 1979-05-27\n", "server.host"),
        ("[server]\nport = 1\nport = 2\n", "TOML"),
        ("[server\nport = 1\n", "line 1"),
        ("[[server]]\nport = 1\n", "[server]"),
        ("port = " + "9" * 5000, "TOML"),
        ("a = " + "[" * 5000, "TOML"),
        ("a" * (1 << 21), "no configuration"),
    ],
)
@pytest.mark.parametrize("command", [["serve", "--host", "127.0.0.1", "--port", "0"], ["user", "list"]])
def test_a_configuration_that_cannot_be_used_is_refused_before_anything_is_made(
    idle: Server, text: str, named: str, command: list[str]
) -> None:
    file = idle.folder / "config.toml"
    file.write_text(text)
    said = refused(idle.command("--config", str(file), *command))
    assert str(file) in said
    assert named in said
    assert [*idle.folder.iterdir()] == [file]


@pytest.mark.parametrize("host", ["nosuch.invalid", "a b", "a..b", "x" * 300, "::g", "fe80::1", "192.0.2.1", "[::1"])
def test_a_host_that_cannot_be_listened_on_is_refused_before_anything_is_made(idle: Server, host: str) -> None:
    said = refused(idle.command("serve", "--host", host, "--port", "0"))
    assert "Cannot listen on" in said
    assert "Unknown error" not in said
    assert host[:80] in said
    assert [*idle.folder.iterdir()] == []


def test_the_port_of_a_server_on_the_same_data_directory_names_that_server(server: Server) -> None:
    said = refused(server.command("serve", "--host", "localhost", "--port", server.url.rpartition(":")[2]))
    assert "Another server is running" in said


def test_a_configuration_file_that_is_none_is_refused(idle: Server, tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[server]\nhost = "\xe4"\n')
    assert "line 2" in refused(idle.command("--config", str(latin), "serve"))
    assert str(tmp_path) in refused(idle.command("--config", str(tmp_path), "serve"))
    assert str(tmp_path) in refused(idle.command("serve", STREAMTIME_CONFIG=str(tmp_path)))
    assert "/dev/zero" in refused(idle.command("--config", "/dev/zero", "serve"))


@pytest.mark.parametrize("command", [["serve", "--host", "127.0.0.1", "--port", "0"], ["user", "list"]])
def test_a_data_directory_that_cannot_be_used_is_refused(idle: Server, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.iterdir())
    for name in ("file", "file/data", "link", "loop", "new/" + "x" * 300):
        path = str(tmp_path / name)
        assert path in refused(idle.command(*command, STREAMTIME_DATA_DIR=path))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["objects", "spool", "backups"])
def test_a_file_where_the_data_directory_has_a_folder_is_named(idle: Server, name: str) -> None:
    idle.data_dir.mkdir()
    (idle.data_dir / name).write_text("in the way")
    said = refused(idle.command("serve", "--host", "127.0.0.1", "--port", "0"))
    assert str(idle.data_dir / name) in said
    assert [path.name for path in idle.data_dir.iterdir()] == [name]
