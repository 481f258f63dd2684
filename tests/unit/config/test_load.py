"""Where values come from, and how a mistake is answered."""

from pathlib import Path

import pytest

from streamtime.config.load import load
from streamtime.config.sections import Config
from streamtime.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, path: Path = Path("config.toml")) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def refusal(text: str = "", environ: dict[str, str] | None = None, overrides: dict[str, object] | None = None) -> str:
    path = write(text) if text else None
    with pytest.raises(ConfigError) as refused:
        load(path, environ or {}, overrides or {})
    return refused.value.message


def test_nothing_said_is_the_defaults(tmp_path: Path) -> None:
    config = load(None, {}, {})
    assert config.data_dir == tmp_path / "data"
    assert config.server == Config().server
    assert (config.server.port, config.uploads.max_size) == (8000, 64 * 2**30)
    assert config.accounts.session_lifetime == 30 * 86400


def test_flag_over_environment_over_file_over_default() -> None:
    path = write('[server]\nport = 1\nhost = "file"\nlog_level = "error"\n')
    environ = {"STREAMTIME_SERVER__PORT": "2", "STREAMTIME_SERVER__HOST": "env"}
    server = load(path, environ, {"server.port": 3, "server.host": None}).server
    assert (server.port, server.host, server.log_level, server.log_format) == (3, "env", "error", "auto")


def test_the_file_is_the_named_one_then_the_variable_then_the_one_here() -> None:
    write("[server]\nport = 1\n")
    variable = write("[server]\nport = 2\n", Path("b.toml"))
    named = write("[server]\nport = 3\n", Path("c.toml"))
    environ = {"STREAMTIME_CONFIG": str(variable)}
    assert load(None, {}, {}).server.port == 1
    assert load(None, environ, {}).server.port == 2
    assert load(named, environ, {}).server.port == 3


def test_a_relative_directory_starts_at_the_file_or_here(tmp_path: Path) -> None:
    path = write('data_dir = "state"\n', tmp_path / "etc" / "streamtime.toml")
    assert load(path, {}, {}).data_dir == tmp_path / "etc" / "state"
    assert load(path, {"STREAMTIME_DATA_DIR": "here"}, {}).data_dir == tmp_path / "here"
    assert load(path, {"STREAMTIME_DATA_DIR": "/srv/video"}, {}).data_dir == Path("/srv/video")


def test_values_are_read_the_way_people_write_them() -> None:
    path = write(
        """
        [server]
        public_url = "https://video.example.org/"
        allowed_hosts = ["Video.Example.org", "tv"]
        trusted_proxies = ["127.0.0.1", "172.16.0.0/12", "fd00::/8"]
        [uploads]
        max_size = "1.5 GB"
        chunk_size = 1048576
        [accounts]
        session_lifetime = "36h"
        [transcode]
        heights = [720, 480]
        keep_original = false
        """
    )
    config = load(path, {}, {})
    assert config.server.public_url == "https://video.example.org"
    assert config.server.allowed_hosts == ("video.example.org", "tv")
    assert config.server.trusted_proxies == ("127.0.0.1", "172.16.0.0/12", "fd00::/8")
    assert (config.uploads.max_size, config.uploads.chunk_size) == (1_500_000_000, 2**20)
    assert config.accounts.session_lifetime == 129_600
    assert config.transcode.heights == (720, 480)
    assert config.transcode.keep_original is False


def test_an_environment_holds_text_only() -> None:
    environ = {
        "STREAMTIME_SERVER__ALLOWED_HOSTS": "one, two,",
        "STREAMTIME_TRANSCODE__HEIGHTS": "720,480",
        "STREAMTIME_TRANSCODE__KEEP_ORIGINAL": "false",
        "STREAMTIME_UPLOADS__MAX_SIZE": "5 GiB",
        "STREAMTIME_SERVER__PUBLIC_URL": "",
        "PATH": "/bin",
    }
    config = load(None, environ, {})
    assert config.server.allowed_hosts == ("one", "two")
    assert config.transcode.heights == (720, 480)
    assert config.transcode.keep_original is False
    assert config.uploads.max_size == 5 * 2**30


def test_what_an_orchestrator_sets_for_a_service_of_that_name_is_not_ours() -> None:
    environ = {
        "STREAMTIME_PORT": "tcp://10.0.0.7:8000",
        "STREAMTIME_PORT_8000_TCP_ADDR": "10.0.0.7",
        "STREAMTIME_SERVICE_HOST": "10.0.0.7",
        "STREAMTIME_SERVICE_PORT_HTTP": "8000",
    }
    assert load(None, environ, {}).server.port == 8000


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("[server]\nprot = 1", "server.prot", "server.port"),
        ("[uploads]\nmaxsize = 1", "uploads.maxsize", "uploads.max_size"),
        ("[server]\nworkers = 1", "server.workers", "transcode.workers"),
        ("port = 1", "port", "server.port"),
        ("[sevrer]\nport = 1", "sevrer", "server"),
        ("datadir = '.'", "datadir", "data_dir"),
        ("[storage.s4]\nbucket = 'x'", "storage.s4", "storage"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_right_one(text: str, wrong: str, right: str) -> None:
    message = refusal(text)
    assert message.startswith("config.toml: ")
    assert f"no {wrong};" in message
    assert right in message.rpartition("did you mean")[2]


@pytest.mark.parametrize(
    ("variable", "right"),
    [
        ("STREAMTIME_SERVER__PROT", "STREAMTIME_SERVER__PORT"),
        ("STREAMTIME_SERVER_PORT", "STREAMTIME_SERVER__PORT"),
        ("STREAMTIME_DATADIR", "STREAMTIME_DATA_DIR"),
        ("STREAMTIME_CONFIG_FILE", "STREAMTIME_CONFIG"),
        ("STREAMTIME_TRANSCODE__PORT", "STREAMTIME_SERVER__PORT"),
    ],
)
def test_an_unknown_variable_is_answered_with_the_nearest_right_one(variable: str, right: str) -> None:
    message = refusal(environ={variable: "1"})
    assert message == f"environment: there is no {variable}; did you mean {right}?"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[server]\nport = 'x'", "server.port cannot be 'x'", "a whole number, 0 to 65535"),
        ("[server]\nport = 70000", "server.port cannot be 70000", "0 to 65535"),
        ("[server]\nport = true", "server.port cannot be True", "a whole number"),
        ("[server]\nhost = ''", "server.host", "text"),
        ("[server]\nlog_format = 'xml'", "server.log_format", '"auto" or "text" or "json"'),
        ("[server]\npublic_url = 'video.example.org'", "server.public_url", "https://"),
        ("[server]\npublic_url = 'https://a/b'", "server.public_url", "without a path"),
        ("[server]\npublic_url = 'https://a:b'", "server.public_url", "without a path"),
        ("[server]\nallowed_hosts = 'one'", "server.allowed_hosts", "a list"),
        ("[server]\nallowed_hosts = ['http://one']", "server.allowed_hosts", "a host name"),
        ("[server]\ntrusted_proxies = ['proxy']", "server.trusted_proxies", "an IP address"),
        ("[server]\ntrusted_proxies = ['10.0.0.1/8']", "server.trusted_proxies", "network"),
        ("[uploads]\nmax_size = '5 parsecs'", "uploads.max_size", "20 GiB"),
        ("[uploads]\nmax_size = 0", "uploads.max_size", "at least 1 B"),
        ("[uploads]\nchunk_size = '1 KiB'", "uploads.chunk_size", "256 KiB to 1 GiB"),
        ("[accounts]\nsession_lifetime = 'soon'", "accounts.session_lifetime", "30d"),
        ("[accounts]\nsession_lifetime = 1.5", "accounts.session_lifetime", "30d"),
        ("[transcode]\nheights = []", "transcode.heights", "a list"),
        ("[transcode]\nheights = [721]", "transcode.heights", "even"),
        ("[transcode]\nkeep_original = 'false'", "transcode.keep_original", "true or false"),
        ("[storage]\nbackend = 'tape'", "storage.backend", '"local" or "s3"'),
        ("[storage.s3]\nendpoint = 'play.example.org'", "storage.s3.endpoint", "https://"),
        ("data_dir = ''", "data_dir", "path"),
        ("data_dir = 5", "data_dir", "path"),
    ],
)
def test_a_value_that_will_not_do_names_key_value_and_what_would(text: str, key: str, words: str) -> None:
    message = refusal(text)
    assert message.startswith("config.toml: ")
    assert key in message
    assert words in message.rpartition("it takes")[2]


def test_a_value_in_the_environment_is_named_as_it_is_written_there() -> None:
    message = refusal(environ={"STREAMTIME_SERVER__PORT": "high"})
    assert "STREAMTIME_SERVER__PORT cannot be 'high'" in message


def test_a_secret_is_never_repeated() -> None:
    assert "hunter2" not in refusal("[server]\nmetrics_token = ['hunter2']")


@pytest.mark.parametrize(("text", "words"), [("port 8000", "not TOML"), ("server = 1", "section"), ("\0", "not TOML")])
def test_a_file_that_makes_no_sense_is_named(text: str, words: str) -> None:
    message = refusal(text)
    assert message.startswith("config.toml: ")
    assert words in message


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: No such file"):
        load(Path("missing.toml"), {}, {})


def test_a_flag_that_is_no_key_is_refused() -> None:
    assert "did you mean server.port?" in refusal(overrides={"server.prot": 1})
