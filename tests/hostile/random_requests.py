"""Random requests: heads, bodies and chunked encodings, split at random."""

import random
from collections.abc import Callable, Sequence

PATHS = (
    b"/", b"/healthz", b"/login", b"/explore", b"/library", b"/upload", b"/settings/space", b"/api/v1/videos",
    b"/api/v1/videos?limit=x&cursor=%00", b"/api/v1/uploads", b"/api/v1/uploads/x", b"/api/v1/auth/token",
    b"/api/v1/me", b"/api/v1/tokens", b"/api/openapi.json", b"/media/x/original", b"/media/x/1/y/9.m4s",
    b"/t/x/media/y/master.m3u8", b"/assets/x", b"/s/x", b"/drop/x", b"/join/x", b"/embed/x",
    b"/oembed?url=http://[", b"/watch/x?t=%ff", b"/metrics", b"/setup",
)  # fmt: skip
"""All but event streams, which do not end."""
METHODS = (
    b"GET", b"GET", b"GET", b"HEAD", b"POST", b"POST", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT",
    b"TRACE", b"QUERY", b"PRI",
)  # fmt: skip
NAMES = (
    b"Accept", b"Accept-Encoding", b"Accept-Language", b"Authorization", b"Connection", b"Content-Encoding",
    b"Content-Type", b"Cookie", b"Expect", b"Forwarded", b"HX-Request", b"Idempotency-Key", b"If-Modified-Since",
    b"If-None-Match", b"If-Range", b"Origin", b"Range", b"Referer", b"Streamtime-Drop", b"TE", b"Trailer",
    b"Tus-Resumable", b"Upgrade", b"Upload-Checksum", b"Upload-Length", b"Upload-Metadata", b"Upload-Offset",
    b"User-Agent", b"X-CSRF-Token", b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto",
    b"X-HTTP-Method-Override",
)  # fmt: skip
VALUES = (
    b"", b"*/*", b"gzip, br;q=0, *;q=x", b"Bearer x", b"close", b"keep-alive", b"Upgrade", b"close, upgrade", b"gzip",
    b"application/x-www-form-urlencoded", b"application/json", b"multipart/form-data; boundary=x",
    b"application/offset+octet-stream", b"text/plain; charset=utf-99", b"streamtime_session=x; a=b;;=", b"100-continue",
    b"bytes=0-", b"bytes=9-1,-0,x", b"bytes=-99999999999999999999999", b'W/"x", "y', b"null", b"http://[", b"http://a:x",
    b"1.0.0", b"h2c", b"websocket", b"sha1 x", b"99", b"-1", b"9" * 40, b"filename eA==,x", b"DELETE",
    b"203.0.113.7, x",    b"for=_x", b"true", b"trailers", b"\xff\xfe", b"%00%ff",
)  # fmt: skip
HOSTS = (
    b"localhost", b"127.0.0.1", b"[::1]:80", b"nas.local", b"evil.com", b"localhost:99999", b"localhost:x", b"", b"[",
    b"x@localhost", b"localhost/evil", b"\xc3\xa4",
)  # fmt: skip
PREAMBLES = (
    b"\r\n",
    b"\n\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"SSH-2.0-x\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


_PRINTED = [byte for byte in range(0x20, 0x100) if byte != 0x7F]


class RandomRequests:
    """One attempt: the chunks that are sent in turn. `bearer` is an Authorization field."""

    def __init__(self, dice: random.Random, bearer: bytes) -> None:
        self._dice = dice
        self._bearer = bearer

    def pieces(self) -> list[bytes]:
        """The sent chunks."""
        dice = self._dice
        data = b"".join(self._request() for _ in range(dice.choice((1, 1, 1, 1, 2, 3, 40))))
        if dice.random() < 0.1:
            data = dice.choice(PREAMBLES) * dice.choice((1, 2, 3000)) + data
        if dice.random() < 0.25:
            data = self._broken(data)
        return self._cut(data)

    def _request(self) -> bytes:
        dice = self._dice
        body, fields = self._body()
        fields += [self._field() for _ in range(dice.choice((0, 1, 2, 3, 5, 5, 10, 10, 60, 90, 101, 300)))]
        hosts = [b"localhost"] if dice.random() < 0.85 else dice.choices(HOSTS, k=dice.choice((0, 1, 1, 2)))
        fields += [b"Host: " + host for host in hosts]
        if dice.random() < 0.5:
            fields.append(self._bearer)
        dice.shuffle(fields)
        return b"\r\n".join([self._line(), *fields, b"", body])

    def _line(self) -> bytes:
        dice = self._dice
        method = dice.choice(METHODS) if dice.random() < 0.98 else self._bytes(12)
        target = dice.choice(PATHS)
        kind = dice.random()
        if kind < 0.05:
            target += b"?" + b"x" * dice.choice((1000, 16_000, 16_360, 20_000, 70_000))
        elif kind < 0.1:
            target = dice.choice((b"http://", b"HTTPS://", b"ftp://", b"//")) + dice.choice(HOSTS) + target
        elif kind < 0.15:
            target = self._bytes(40)
        elif kind < 0.2:
            target = dice.choice((b"*", b"", b"x", b"?", b"localhost:80", b"/%", b"/%zz", b"/%00", b"/..%2f..", b"/#x"))
        version = dice.choice((b"HTTP/1.1",) * 60 + (b"HTTP/1.0",) * 8 + (b"HTTP/2.0", b"HTTP/0.9", b"RTSP/1.0", b""))
        return dice.choice((b" ",) * 60 + (b"  ", b"\t")).join((method, target, version))

    def _field(self) -> bytes:
        dice = self._dice
        name = dice.choice(NAMES) if dice.random() < 0.9 else self._token()
        value = dice.choice(VALUES) if dice.random() < 0.8 else self._text(dice.choice((1, 30, 400)))
        if dice.random() < 0.01:
            value = b"x" * dice.choice((4000, 60_000, 70_000))
        return name + dice.choice((b": ",) * 600 + (b":", b" :", b":\t", b": \r\n ")) + value

    def _body(self) -> tuple[bytes, list[bytes]]:
        """A body, and the fields that frame it, correctly or not."""
        dice = self._dice
        makers: Sequence[Callable[[], tuple[bytes, bytes]]] = (self._form, self._json, self._multipart, self._blob)
        if dice.random() < 0.4:
            return b"", []
        body, kind = dice.choice(makers)()
        fields = [b"Content-Type: " + kind]
        framing = dice.random()
        if framing < 0.4:
            return body, [*fields, b"Content-Length: %d" % len(body)]
        if framing < 0.8:
            return self._chunked(body), [*fields, b"Transfer-Encoding: chunked"]
        length = dice.choice(
            (b"0", b"-1", b"+5", b"5, 5", b"%d" % (len(body) + 5), b"%d" % (len(body) // 2), b"9" * 30, b"")
        )
        coding = dice.choice((b"chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"\x0bchunked", b""))
        both = [b"Content-Length: " + length, b"Transfer-Encoding: " + coding]
        return self._chunked(body), [*fields, *dice.sample(both, dice.choice((1, 2)))]

    def _form(self) -> tuple[bytes, bytes]:
        pairs = [self._token() + b"=" + self._text(20) for _ in range(self._dice.choice((0, 1, 5, 500)))]
        return b"&".join([b"name=x", b"password=y", *pairs]), b"application/x-www-form-urlencoded"

    def _json(self) -> tuple[bytes, bytes]:
        dice = self._dice
        deep = dice.choice((1, 10, 5000))
        return dice.choice(
            (b"[" * deep, b'{"a":' * deep, b'{"label": "x"}', b"1e999", b'"\\ud800"', b"nul")
        ), b"application/json"

    def _multipart(self) -> tuple[bytes, bytes]:
        part = b"--x\r\nContent-Disposition: form-data; name=" + self._text(9) + b"\r\n\r\n" + self._bytes(30) + b"\r\n"
        return part * self._dice.choice((0, 1, 3, 200)) + b"--x--\r\n", b"multipart/form-data; boundary=x"

    def _blob(self) -> tuple[bytes, bytes]:
        return self._dice.randbytes(self._dice.choice((1, 100, 5000, 300_000))), b"application/offset+octet-stream"

    def _chunked(self, body: bytes) -> bytes:
        dice, made, at = self._dice, b"", 0
        size = dice.choice((1, 7, 1000, 100_000))
        body = body[: 3000 * size]
        while at < len(body):
            chunk = body[at : at + size]
            extension = b";x=" + b"y" * dice.choice((1, 10, 2000)) if dice.random() < 0.1 else b""
            made += (b"%x" if dice.random() < 0.9 else b"000%X") % len(chunk) + extension + b"\r\n" + chunk + b"\r\n"
            at += size
        trailers = b"".join(self._field() + b"\r\n" for _ in range(dice.choice((0, 0, 0, 1, 3, 120))))
        return (
            made + dice.choice((b"0\r\n",) * 9 + (b"-1\r\n", b"g\r\n", b"f" * 17 + b"\r\n", b"")) + trailers + b"\r\n"
        )

    def _broken(self, data: bytes) -> bytes:
        dice, broken = self._dice, bytearray(data)
        for _ in range(dice.choice((1, 1, 3, 30))):
            at = dice.randrange(len(broken) + 1)
            match dice.randrange(5):
                case 0:
                    broken[at : at + 1] = dice.randbytes(1)
                case 1:
                    broken[at:at] = dice.choice((b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b":", b"\xff"))
                case 2:
                    del broken[at : at + dice.choice((1, 2, 50))]
                case 3:
                    broken[at:at] = broken[at : at + dice.choice((10, 1000))]
                case _:
                    del broken[at:]
        return bytes(broken)

    def _cut(self, data: bytes) -> list[bytes]:
        dice = self._dice
        if dice.random() < 0.4 or not data:
            return [data]
        size = dice.choice((1, 3, 100, 1460, 4096, 65_536))
        if size < 100:  # a few small chunks, and the rest at once
            small = [data[at : at + size] for at in range(0, min(len(data), 200 * size), size)]
            return [*small, data[200 * size :]]
        return [data[at : at + size] for at in range(0, len(data), size)]

    def _token(self) -> bytes:
        return bytes(self._dice.choices(b"abcXYZ-_!#$%&'*+.^`|~09", k=self._dice.randrange(1, 20)))

    def _text(self, length: int) -> bytes:
        return bytes(self._dice.choices(_PRINTED, k=self._dice.randrange(length + 1)))

    def _bytes(self, length: int) -> bytes:
        return self._dice.randbytes(self._dice.randrange(1, length + 1))
