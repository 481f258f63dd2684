"""The proxies of docker/ before a server of ours: the example files themselves, on ports of 127.0.0.1, with https.

What has to be another for a test stands here: the ports, the certificate, and where files are kept. All of it lies in
a folder of the test's, and the proxy ends with it.
"""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trustme

from tests.server import Server, running_server, wait_until

EXAMPLES = Path(__file__).parents[1] / "docker"
NAME = "localhost"
CLIENT = "127.0.0.2"
"""Where clients come from: not the address at which the proxy itself comes to the server."""

READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 20.0

_NGINX_MAIN = """
daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    include {folder}/streamtime.conf;
}}
"""

_CADDY_OPTIONS = """
    admin off
    default_bind 127.0.0.1
    http_port {plain}
    https_port {secure}
    skip_install_trust
    servers {{
        protocols h1 h2
    }}
"""


@dataclass(frozen=True)
class Ports:
    """Free ones of this machine."""

    plain: int
    secure: int

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.secure}"


@dataclass(frozen=True)
class Certificate:
    """One for `localhost`, by an authority that nobody but its clients knows."""

    trust: ssl.SSLContext
    chain: Path
    key: Path


@dataclass
class Proxy:
    """A running one. People can use it as their house: their requests then come by it."""

    server: Server
    url: str
    ports: Ports
    certificate: Certificate
    folder: Path
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self.certificate.trust, local_address=CLIENT)
        made = httpx.Client(base_url=self.url, headers=headers, timeout=90, transport=transport)
        self.clients.append(made)
        return made

    def run(self, *arguments: str, given: str = "") -> str:
        return self.server.run(*arguments, given=given)

    @property
    def buffered_bytes(self) -> int:
        """How many bytes of requests and answers it has put on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file() and path.name.isdigit())


def free_ports() -> Ports:
    """Two that nobody has at the moment."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return Ports(one.getsockname()[1], other.getsockname()[1])


def certificate_in(folder: Path) -> Certificate:
    """A new authority's certificate, written there."""
    authority = trustme.CA()
    issued = authority.issue_cert(NAME, "127.0.0.1")
    found = Certificate(ssl.create_default_context(), folder / "chain.pem", folder / "key.pem")
    authority.configure_trust(found.trust)
    found.chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(found.key))
    return found


Start = tuple[list[str], dict[str, str]]
"""A command, and what its environment has besides ours."""

Begin = Callable[[Server, Ports, Certificate, Path], Start]


def begin_nginx(server: Server, ports: Ports, certificate: Certificate, folder: Path) -> Start:
    """How docker/nginx.conf is run."""
    text = (EXAMPLES / "nginx.conf").read_text()
    changes = {
        "    server 127.0.0.1:8000;": f"    server {server.url.removeprefix('http://')};",
        "    listen 80;": f"    listen 127.0.0.1:{ports.plain};",
        "    listen [::]:80;\n": "",
        "    listen 443 ssl http2;": f"    listen 127.0.0.1:{ports.secure} ssl http2;",
        "    listen [::]:443 ssl http2;\n": "",
        "https://video.example.org$request_uri": f"{ports.url}$request_uri",
        "server_name video.example.org;": f"server_name {NAME};",
        "/etc/letsencrypt/live/video.example.org/fullchain.pem": str(certificate.chain),
        "/etc/letsencrypt/live/video.example.org/privkey.pem": str(certificate.key),
        "/var/log/nginx/streamtime.log": f"{folder}/access.log",
    }
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    (folder / "streamtime.conf").write_text(text)
    (folder / "nginx.conf").write_text(_NGINX_MAIN.format(folder=folder))
    command = [_program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return command, {}


def begin_caddy(server: Server, ports: Ports, certificate: Certificate, folder: Path) -> Start:
    """How docker/Caddyfile is run."""
    environ = {
        "CADDY_OPTIONS": _CADDY_OPTIONS.format(plain=ports.plain, secure=ports.secure),
        "CADDY_TLS": f"tls {certificate.chain} {certificate.key}",
        "STREAMTIME_SITE": NAME,
        "STREAMTIME_UPSTREAM": server.url.removeprefix("http://"),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
    }
    command = [_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(EXAMPLES / "Caddyfile")]
    return command, environ


PROXIES: dict[str, Begin] = {"caddy": begin_caddy, "nginx": begin_nginx}


@contextmanager
def sending(proxy: Proxy, method: str, path: str, headers: dict[str, str]) -> Iterator[ssl.SSLSocket]:
    """A request whose head is sent, and whose body the caller sends in its own time."""
    where = ("127.0.0.1", proxy.ports.secure)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {NAME}:{proxy.ports.secure}", "Connection: close"]
    head = "".join(f"{line}\r\n" for line in [*lines, *(f"{name}: {value}" for name, value in headers.items()), ""])
    with (
        socket.create_connection(where, timeout=READY_WITHIN_S, source_address=(CLIENT, 0)) as plain,
        proxy.certificate.trust.wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        connection.sendall(head.encode())
        yield connection


@contextmanager
def running_proxy(begin: Begin, server: Server, ports: Ports, folder: Path) -> Iterator[Proxy]:
    """A proxy before the server, until the block is left."""
    certificate = certificate_in(folder)
    command, environ = begin(server, ports, certificate, folder)
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    proxy = Proxy(server, ports.url, ports, certificate, folder)
    try:
        wait_until(lambda: _answers(process, proxy), "a proxy that answers", within_s=READY_WITHIN_S)
        yield proxy
    finally:
        for client in proxy.clients:
            client.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        process.kill()
        process.wait()


@contextmanager
def server_behind(name: str, folder: Path, *, metrics_token: str = "") -> Iterator[Proxy]:
    """A server of its own, with ada and an administrator, behind the proxy of that name, which it believes."""
    ports = free_ports()
    with running_server(
        STREAMTIME_SERVER__PUBLIC_URL=ports.url,
        STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1",
        STREAMTIME_SERVER__METRICS_TOKEN=metrics_token,
    ) as server:
        server.person("root", admin=True)
        server.person("ada")
        with running_proxy(PROXIES[name], server, ports, folder) as running:
            yield running


def _answers(process: subprocess.Popen[bytes], proxy: Proxy) -> bool:
    assert process.poll() is None, (proxy.folder / "said").read_text(errors="replace")
    with suppress(httpx.TransportError), proxy.client() as client:
        return client.get("/healthz").status_code == httpx.codes.OK
    return False


def _program(name: str) -> str:
    """What the Makefile found, or else what is on the path."""
    found = shutil.which(os.environ.get(name.upper()) or name)
    assert found, f"there is no {name}: run `make test`, or .ci/need {name} and set {name.upper()} to what it prints"
    return found
