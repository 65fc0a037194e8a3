"""Where messages end, whatever their length is told by."""

from __future__ import annotations

import pytest

from msforge.live.http_framing import BadMessage, answer_size, read_head, request_size

HEAD = b"POST /x HTTP/1.1\r\nhost: a\r\n"


def size(message: bytes) -> int:
    buffer = bytearray(message)
    head = read_head(buffer)
    return -2 if head is None else request_size(buffer, head)


@pytest.mark.parametrize("message", [
    HEAD + b"\r\n",
    HEAD + b"content-length: 0\r\n\r\n",
    HEAD + b"Content-Length: 5\r\n\r\nhello",
    HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
])
def test_a_message_is_whole_at_its_last_byte_and_not_before(message: bytes) -> None:
    assert size(message) == len(message)
    assert size(message + b"GET / HTTP/1.1") == len(message)
    for cut in range(1, len(message)):
        assert size(message[:cut]) < 0, message[:cut]


@pytest.mark.parametrize(("message", "status"), [
    (HEAD + b"content-length: 5x\r\n\r\n", 400),
    (HEAD + b"content-length: -1\r\n\r\n", 400),
    (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
    (HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400),
    (HEAD + b"transfer-encoding: gzip\r\n\r\n", 400),
    (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    (HEAD + b"no colon\r\n\r\n", 400),
    (HEAD + b"content-length: 99999999999\r\n\r\n", 413),
    (HEAD + b"content-length: 99999999999999999\r\n\r\n", 413),
    (HEAD + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFF\r\n", 413),
    (b"x" * 70_000, 431),
])
def test_what_cannot_be_passed_on_is_refused_with_a_status(message: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as caught:
        size(message)
    assert caught.value.status == status


@pytest.mark.parametrize(("answer", "method", "expected"), [
    (b"HTTP/1.1 204 No Content\r\n\r\n", b"GET", True),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", b"HEAD", True),
    (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", b"GET", True),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"GET", True),
    (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"GET", False),
])
def test_an_answers_end_depends_on_what_was_asked(answer: bytes, method: bytes, expected: bool) -> None:
    buffer = bytearray(answer)
    head = read_head(buffer)
    assert head is not None
    assert (answer_size(buffer, head, method) == len(answer)) is expected


def test_connections_stay_open_unless_said() -> None:
    def stays(first: str, *more: str) -> bool:
        head = read_head(bytearray("\r\n".join([first, *more, "", ""]).encode()))
        assert head is not None
        return head.stays_open

    assert stays("GET / HTTP/1.1") and not stays("GET / HTTP/1.1", "Connection: close")
    assert not stays("GET / HTTP/1.0") and stays("GET / HTTP/1.0", "connection: Keep-Alive")
