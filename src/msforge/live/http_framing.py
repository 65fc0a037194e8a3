"""Where an HTTP/1.1 message ends: enough to pass messages on whole and unchanged, and no more."""

from __future__ import annotations

from typing import Final

LARGEST_HEAD: Final = 65_536
LARGEST_BODY: Final = 16 * 1_048_576
_END: Final = b"\r\n\r\n"
_NO_BODY: Final = (204, 304)


class BadMessage(Exception):
    """A message that cannot be passed on. `status` is what its sender is told."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head:
    """The first line and the headers of a message. `size` is their length in bytes, the empty line included."""

    __slots__ = ("_headers", "first", "size")

    def __init__(self, text: bytes, size: int) -> None:
        lines = text.split(b"\r\n")
        self.first = lines[0]
        self.size = size
        self._headers: dict[bytes, bytes] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip():
                raise BadMessage(400, "malformed header")
            name = name.lower()
            value = value.strip()
            if name == b"content-length" and self._headers.get(name, value) != value:
                raise BadMessage(400, "two lengths")
            self._headers[name] = value

    def get(self, name: bytes) -> bytes:
        """A header by its lower-case name; empty when it isn't there."""
        return self._headers.get(name, b"")

    @property
    def status(self) -> int:
        """The status of an answer."""
        parts = self.first.split(b" ", 2)
        if len(parts) < 2 or not parts[1].isdigit():
            raise BadMessage(502, "no status")
        return int(parts[1])

    @property
    def stays_open(self) -> bool:
        """Whether the connection can be used again after this message."""
        options = self.get(b"connection").lower()
        if self.first.endswith(b"HTTP/1.0") or self.first.startswith(b"HTTP/1.0"):
            return b"keep-alive" in options
        return b"close" not in options


def read_head(buffer: bytearray) -> Head | None:
    """The head at the start of `buffer`; None until it is whole. Raises BadMessage."""
    end = buffer.find(_END, 0, LARGEST_HEAD)
    if end < 0:
        if len(buffer) >= LARGEST_HEAD:
            raise BadMessage(431, "headers too large")
        return None
    return Head(bytes(buffer[:end]), end + len(_END))


def request_size(buffer: bytearray, head: Head) -> int:
    """Bytes of the whole request, -1 until all are there. Raises BadMessage."""
    return _size(buffer, head, bodiless=False, until_close=False)


def answer_size(buffer: bytearray, head: Head, method: bytes) -> int:
    """Bytes of the whole answer, -1 until all are there (or, without a length, until the connection closes)."""
    bodiless = method == b"HEAD" or head.status in _NO_BODY or head.status < 200
    return _size(buffer, head, bodiless=bodiless, until_close=True)


def _size(buffer: bytearray, head: Head, *, bodiless: bool, until_close: bool) -> int:
    if bodiless:
        return head.size
    coding, length = head.get(b"transfer-encoding").lower(), head.get(b"content-length")
    if coding:
        if length or coding != b"chunked":
            raise BadMessage(400, "unknown coding, or a length as well")
        return _chunked_size(buffer, head.size)
    if not length:
        return -1 if until_close else head.size
    if not length.isdigit():
        raise BadMessage(400, "malformed length")
    if len(length) > 12 or int(length) > LARGEST_BODY:
        raise BadMessage(413, "body too large")
    size = head.size + int(length)
    return size if len(buffer) >= size else -1


def _chunked_size(buffer: bytearray, at: int) -> int:
    """Where a chunked body that begins at `at` ends; -1 until it does."""
    begin = at
    while True:
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return -1
        text = bytes(buffer[at:line]).partition(b";")[0].strip()
        try:
            length = int(text, 16)
        except ValueError:
            raise BadMessage(400, "malformed chunk") from None
        if length < 0 or line - begin + length > LARGEST_BODY:
            raise BadMessage(413, "body too large")
        at = line + 2
        if length == 0:
            return _after_trailers(buffer, at)
        at += length + 2
        if at > len(buffer):
            return -1


def _after_trailers(buffer: bytearray, at: int) -> int:
    while True:
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return -1
        if line == at:
            return at + 2
        at = line + 2
