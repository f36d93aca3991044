"""Raw requests at the edge of HTTP/1.1, and what must become of each.

Forms are those of RFC 9112 sections 2 to 7 and 11, of published smuggling research (CL.TE, TE.CL,
TE.TE, chunk extensions, bare LF) and of mutators that put a wrong byte where one can stand.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Case(NamedTuple):
    """`status` is the refusal (with a close), or 0 when the requests of `taken` are served."""

    name: str
    raw: bytes
    status: int
    taken: tuple[tuple[str, str, bytes], ...] = ()

    def __str__(self) -> str:
        return self.name


HOST = b"Host: gw.example\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


def get(*lines: bytes, line: bytes = b"GET /a HTTP/1.1", host: bytes = HOST) -> bytes:
    return line + b"\r\n" + host + b"".join(each + b"\r\n" for each in lines) + b"\r\n"


def post(body: bytes, *lines: bytes) -> bytes:
    return get(*lines, line=b"POST /a HTTP/1.1") + body


def chunked(body: bytes) -> bytes:
    return get(line=b"POST /a HTTP/1.1", host=HOST + _CHUNKED) + body


def cases() -> list[Case]:
    """Give every case; names are unique."""
    found = [*_heads(), *_names(), *_values(), *_lines(), *_targets(), *_hosts()]
    return [*found, *_lengths(), *_codings(), *_chunks(), *_fields()]


def _heads() -> Iterator[Case]:
    taken = (("GET", "/a", b""),)
    yield Case("plain", get(), 0, taken)
    yield Case("one empty line before", b"\r\n" + get(), 0, taken)
    yield Case("two empty lines before", b"\r\n\r\n" + get(), 400)
    yield Case("bare LF before", b"\n" + get(), 400)
    yield Case("pipelined", get() + NEXT, 0, (*taken, ("GET", "/next", b"")))
    yield Case("all LF", get().replace(b"\r\n", b"\n"), 400)
    yield Case("all CR", get().replace(b"\r\n", b"\r") + b"\r\n\r\n", 400)
    yield Case("LF CR", get().replace(b"\r\n", b"\n\r"), 400)
    yield Case("bare LF after request line", get().replace(b"\r\n", b"\n", 1), 400)
    yield Case("bare LF after field", get(b"A: b\nC: d"), 400)
    yield Case("bare CR in field", get(b"A: b\rC: d"), 400)
    yield Case("CR CR LF", get(b"A: b\r"), 400)
    yield Case("bare LF ends head", get()[:-2] + b"\n\r\n", 400)
    yield Case("fold with space", get(b"A: b", b" c"), 400)
    yield Case("fold with tab", get(b"A: b", b"\tc"), 400)
    yield Case("fold of the first field", get(host=b" " + HOST), 400)
    yield Case("folded coding", get(b"Transfer-Encoding:", b" chunked"), 400)
    yield Case("space before colon", get(b"A : b"), 400)
    yield Case("tab before colon", get(b"A\t: b"), 400)
    yield Case("no colon", get(b"Abc"), 400)
    yield Case("empty name", get(b": b"), 400)
    yield Case("space in name", get(b"A b: c"), 400)
    yield Case("empty value", get(b"A:"), 0, taken)
    yield Case("no space after colon", get(b"A:b"), 0, taken)
    yield Case("tabs around value", get(b"A:\tb\t"), 0, taken)
    yield Case("latin-1 in value", get(b"A: \xe4"), 0, taken)
    yield Case("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400)
    yield Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
    yield Case("an answer", b"HTTP/1.1 200 OK\r\n\r\n", 400)


def _names() -> Iterator[Case]:
    """One byte that cannot stand in a field name (RFC 9110 section 5.6.2), each in its place."""
    token = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:\r\n"
    for byte in [*range(33, 128), 0, 1, 8, 0x80, 0xA0, 0xFF]:
        if bytes([byte]) not in token or byte == 0:
            yield Case(f"name with {byte:02x}", get(b"A%cb: c" % byte), 400)


def _values() -> Iterator[Case]:
    for byte in [*range(9), 11, 12, *range(14, 32), 127]:
        yield Case(f"value with {byte:02x}", get(b"A: b%cc" % byte), 400)


def _lines() -> Iterator[Case]:
    for name, line, status in [
        ("HTTP/0.9", b"GET /a", 400),
        ("lower-case version", b"GET /a http/1.1", 400),
        ("HTTP/1.2", b"GET /a HTTP/1.2", 505),
        ("HTTP/1.10", b"GET /a HTTP/1.10", 400),
        ("HTTP/01.1", b"GET /a HTTP/01.1", 400),
        ("HTTP/1,1", b"GET /a HTTP/1,1", 400),
        ("HTTP/2.0", b"GET /a HTTP/2.0", 505),
        ("HTTP/3.0", b"GET /a HTTP/3.0", 505),
        ("no version number", b"GET /a HTTP/", 400),
        ("ICE", b"GET /a ICE/1.0", 400),
        ("two spaces before target", b"GET  /a HTTP/1.1", 400),
        ("two spaces after target", b"GET /a  HTTP/1.1", 400),
        ("tab as space", b"GET\t/a\tHTTP/1.1", 400),
        ("space at the start", b" GET /a HTTP/1.1", 400),
        ("space at the end", b"GET /a HTTP/1.1 ", 400),
        ("form feed as space", b"GET\x0c/a\x0cHTTP/1.1", 400),
        ("target with space", b"GET /a b HTTP/1.1", 400),
        ("no target", b"GET HTTP/1.1", 400),
        ("lower-case method", b"get /a HTTP/1.1", 400),
        ("unknown method", b"FOO /a HTTP/1.1", 400),
        ("method with slash", b"G/T /a HTTP/1.1", 400),
        ("CONNECT", b"CONNECT gw.example:443 HTTP/1.1", 405),
        ("TRACE", b"TRACE /a HTTP/1.1", 405),
        ("WebDAV", b"PROPFIND /a HTTP/1.1", 405),
    ]:
        yield Case(f"line: {name}", get(line=line), status)
    yield Case("line: HTTP/0.9 alone", b"GET /a\r\n", 400)


def _targets() -> Iterator[Case]:
    bad = [
        b"a", b"*", b"", b"/%", b"/%4", b"/%zz", b"/%00", b"/%0a", b"/%0d%0aA:b", b"/%7f", b"/%ff",
        b"/%c0%af", b"/..", b"/../a", b"/a/..", b"/a/../b", b"/a/./b", b"/.", b"/%2e%2e/a",
        b"/a/%2e%2e", b"/a/.%2e/b", b"/%2e", b"/..%2fa", b"/a%2f..%2fb", b"/a#b", b"/a\"b", b"/a<b",
        b"/a>b", b"/a\\b", b"/a^b", b"/a`b", b"/a{b", b"/a|b", b"/a}b", b"/a?b#c", b"/\xc3\xa4",
        b"/a?\xc3\xa4", b"http://other.example/a", b"http://gw.example:80/a", b"http:///a",
        b"http://", b"http://u@gw.example/a", b"gw.example:443", b"//gw.example@evil\\",
        b"ftp://gw.example/a", b"http://gw.example#a",
    ]  # fmt: skip
    for target in bad:
        yield Case(f"target {target!r}", get(line=b"GET " + target + b" HTTP/1.1"), 400)
    good = [
        (b"/a%20b", "/a b"), (b"/a%2Fb", "/a/b"), (b"/%C3%A4", "/ä"), (b"/a%252e", "/a%2e"),
        (b"//a", "//a"), (b"/a/", "/a/"), (b"/a..b", "/a..b"), (b"/...", "/..."), (b"/a;b=c", "/a;b=c"),
        (b"/a?b=%zz&c={d}", "/a"), (b"/a?../b", "/a"), (b"http://gw.example/a", "/a"),
        (b"http://GW.example/a", "/a"), (b"http://gw.example", "/"), (b"http://gw.example?a", "/"),
    ]  # fmt: skip
    for target, path in good:
        raw = get(line=b"GET " + target + b" HTTP/1.1")
        yield Case(f"target {target!r} is taken", raw, 0, (("GET", path, b""),))


def _hosts() -> Iterator[Case]:
    bad = [
        b"", b"Host:\r\n", b"Host: \r\n", HOST + HOST, HOST + b"host: other\r\n", b"Host: a b\r\n",
        b"Host: a,b\r\n", b"Host: a/b\r\n", b"Host: u@a\r\n", b"Host: a?b\r\n", b"Host: a#b\r\n",
        b"Host: a:b\r\n", b"Host: a:\r\n", b"Host: a:999999\r\n", b"Host: [::1\r\n", b"Host: ::1\r\n",
        b"Host: http://a\r\n", b"Host: a\\b\r\n", b"Host: %61\r\n", b"Host: \xe4\r\n",
    ]  # fmt: skip
    for host in bad:
        yield Case(f"host {host!r}", get(host=host), 400)
    for host in (b"a:80", b"[::1]:80", b"my_service-1:4000", b"127.0.0.1"):
        raw = get(host=b"Host: " + host + b"\r\n")
        yield Case(f"host {host!r} is taken", raw, 0, (("GET", "/a", b""),))
    yield Case("no host in 1.0", b"GET /a HTTP/1.0\r\n\r\n", 0, (("GET", "/a", b""),))


def _lengths() -> Iterator[Case]:
    bad = [
        b"+3", b"-3", b"3 ,3", b"3, 3", b"0x3", b"3.0", b"3e0", b"", b"3 3", b"three", b"\xb2",
        b"99999999999999999999", b"18446744073709551619", b"_3", b"3;a", b"\"3\"",
    ]  # fmt: skip
    for value in bad:
        yield Case(f"length {value!r}", post(b"abc", b"Content-Length: " + value), 400)
    twice = [(b"3", b"3"), (b"3", b"4"), (b"0", b"3")]
    for one, two in twice:
        lines = (b"Content-Length: " + one, b"content-length: " + two)
        yield Case(f"lengths {one!r} and {two!r}", post(b"abc", *lines), 400)
    body = (("POST", "/a", b"abc"), ("GET", "/next", b""))
    yield Case("length 3", post(b"abc" + NEXT, b"Content-Length: 3"), 0, body)
    yield Case("length 3 and blanks", post(b"abc" + NEXT, b"Content-Length: 3 \t"), 0, body)
    yield Case("length 003", post(b"abc" + NEXT, b"Content-Length: 003"), 0, body)
    yield Case("length 0", post(NEXT, b"Content-Length: 0"), 0, (("POST", "/a", b""), body[1]))
    yield Case("no length", post(NEXT), 0, (("POST", "/a", b""), body[1]))
    yield Case("too long", post(b"", b"Content-Length: 1025"), 413)
    yield Case("length _ name", post(NEXT, b"Content_Length: 3"), 0, (("POST", "/a", b""), body[1]))


def _codings() -> Iterator[Case]:
    end = b"3\r\nabc\r\n0\r\n\r\n"
    bad = [
        b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"xchunked",
        b"chunked;a=b", b"\"chunked\"", b"chunked,", b",chunked", b"chunked, identity", b"chunk",
        b"chunked chunked", b"'chunked'", b"", b"x", b"chunked\x0b", b"\x0cchunked", b"chunked\x00",
    ]  # fmt: skip
    for value in bad:
        yield Case(f"coding {value!r}", post(end, b"Transfer-Encoding: " + value), 400)
    te, cl = b"Transfer-Encoding: chunked", b"Content-Length: 3"
    for name, lines in [
        ("CL then TE", (cl, te)),
        ("TE then CL", (te, cl)),
        ("TE twice", (te, te)),
        ("TE chunked and identity", (te, b"Transfer-Encoding: identity")),
        ("TE and lower-case te", (te, b"transfer-encoding: x")),
        ("TE with space before colon", (b"Transfer-Encoding : chunked",)),
        ("TE after a fold", (b"A: b", b" Transfer-Encoding: chunked")),
        ("TE with bare LF", (b"A: b\nTransfer-Encoding: chunked",)),
        ("TE with bare CR", (b"A: b\rTransfer-Encoding: chunked",)),
        ("TE with NUL name", (b"Transfer-Encoding\x00: chunked",)),
        ("TE with vertical tab", (b"Transfer-Encoding:\x0bchunked",)),
        ("TE upper case and CL", (b"TRANSFER-ENCODING: CHUNKED", cl)),
    ]:
        yield Case(f"coding: {name}", post(end, *lines), 400)
    old = b"POST /a HTTP/1.0\r\n" + HOST + te + b"\r\n\r\n" + end
    yield Case("coding in 1.0", old, 400)
    body = (("POST", "/a", b"abc"), ("GET", "/next", b""))
    upper = post(end + NEXT, b"TRANSFER-ENCODING: Chunked")
    yield Case("coding in other case", upper, 0, body)


def _chunks() -> Iterator[Case]:
    last = b"0\r\n\r\n"
    bad = [
        b"g\r\nabc\r\n", b"0x3\r\nabc\r\n", b"+3\r\nabc\r\n", b"-3\r\nabc\r\n", b" 3\r\nabc\r\n",
        b"3 \r\nabc\r\n", b"3\nabc\r\n", b"3\rabc\r\n", b"3\r\nabc\n", b"3\r\nabcd\r\n",
        b"3\r\nab\r\n", b"4\r\nabc\r\n", b"3\r\nabc\r\r\n", b"3\r\nabcXX", b"\r\nabc\r\n",
        b"000000003\r\nabc\r\n", b"fffffffff\r\nabc\r\n", b"ffffffffffffffff3\r\nabc\r\n",
        b"3_0\r\nabc\r\n", b"3.\r\nabc\r\n", b"3,3\r\nabc\r\n", b"3\x00\r\nabc\r\n",
        b"3;a\nb\r\nabc\r\n", b"3;a\rb\r\nabc\r\n", b"3;a\x00\r\nabc\r\n", b"3;\xe4\r\nabc\r\n",
        b"3;" + b"a" * 300 + b"\r\nabc\r\n", b"3;\x7f\r\nabc\r\n", b"3 a\r\nabc\r\n",
        b"\xb2\r\nabc\r\n", b"3\x0b\r\nabc\r\n", b"3\r\nabc0\r\n\r\n",
    ]  # fmt: skip
    for body in bad:
        yield Case(f"chunk {body[:20]!r}", chunked(body + last), 400)
    for end in (
        b"0\r\nA b: c\r\n\r\n", b"0\r\nA\r\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\nA: \x00\r\n\r\n",
        b"0\r\nA: b\n\r\n\r\n", b"0\r\n B: c\r\n\r\n", b"0\nX", b"0\r\n" + b"A: b\r\n" * 700 + b"\r\n",
    ):  # fmt: skip
        yield Case(f"chunk end {end[:20]!r}", chunked(b"3\r\nabc\r\n" + end), 400)
    taken = (("POST", "/a", b"abc"), ("GET", "/next", b""))
    for body in (
        b"3\r\nabc\r\n", b"1\r\na\r\n2\r\nbc\r\n", b"03\r\nabc\r\n", b"3;a=b\r\nabc\r\n",
        b'3;a="b c"\r\nabc\r\n', b"3 ;a\r\nabc\r\n", b"00000003\r\nabc\r\n",
    ):  # fmt: skip
        yield Case(f"chunk {body!r} is taken", chunked(body + last + NEXT), 0, taken)
    trailer = b"3\r\nabc\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n"
    yield Case("trailers are dropped", chunked(trailer + NEXT), 0, taken)
    yield Case("too much in chunks", chunked(b"200\r\n" + b"a" * 512 + b"\r\n" + b"201\r\n"), 413)
    yield Case("too much in one chunk", chunked(b"401\r\n"), 413)
    yield Case("a chunk without end", chunked(b"ffffffff\r\n"), 413)


def _fields() -> Iterator[Case]:
    taken = (("GET", "/a", b""),)
    yield Case("websocket", get(b"Connection: Upgrade", b"Upgrade: websocket"), 400)
    yield Case("two upgrades", get(b"Upgrade: h2c", b"Upgrade: websocket"), 400)
    offer = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    yield Case("an offer of h2c is ignored", get(*offer), 0, taken)
    with_body = post(b"abc" + NEXT, b"Content-Length: 3", *offer)
    both = (("POST", "/a", b"abc"), ("GET", "/next", b""))
    yield Case("an offer of h2c with a body", with_body, 0, both)
    yield Case("gzip body", post(b"abc", b"Content-Length: 3", b"Content-Encoding: gzip"), 415)
    plain = post(b"abc" + NEXT, b"Content-Length: 3", b"Content-Encoding: identity")
    yield Case("identity body", plain, 0, both)
    yield Case("unknown expectation", post(b"abc", b"Content-Length: 3", b"Expect: 200-ok"), 417)
    yield Case("two keys", get(b"Authorization: Bearer a", b"authorization: Bearer b"), 400)
    yield Case("two types", get(b"Content-Type: a/b", b"Content-Type: c/d"), 400)
    yield Case("two cookies", get(b"Cookie: a=b", b"Cookie: c=d"), 0, taken)
    yield Case("two accepts", get(b"Accept: a/b", b"Accept: c/d"), 0, taken)
    yield Case("underscore host", get(b"X_Host: b"), 0, taken)
