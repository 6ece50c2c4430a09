"""A web server on loopback that behaves as badly as it is told to."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """How every request is answered.

    ``announced`` is the Content-Length (None: none is sent). With ``stalls`` the connection stays
    open and silent after the body until the test is over. With ``parts`` ranges are answered, of
    the body as it is then; ``tag`` is the ETag, and ``breaks`` after how many bytes of each answer
    the connection ends.
    """

    status: int = 200
    body: bytes = b""
    announced: int | None = None
    location: str | None = None
    stalls: bool = False
    parts: bool = False
    tag: str | None = None
    breaks: int | None = None

    def part(self, asked: str | None, validator: str | None) -> tuple[int, int]:
        """Return the status, and where what is sent begins."""
        if not self.parts or asked is None or validator not in {None, self.tag}:
            return self.status, 0
        begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        return (206, begin) if begin < len(self.body) else (416, len(self.body))


@dataclass
class Site:
    """A running server: its address, the paths that were asked for, and the parts of them."""

    address: str
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@contextmanager
def serving(
    answers: Mapping[str, Answer | Sequence[Answer]], *, otherwise: Answer | None = None
) -> Iterator[Site]:
    """Serve ``answers`` by file name until the context ends; of several, the last one stays."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            asked = self.headers.get("Range")
            site.ranges.append(asked)
            name = self.path.rpartition("/")[2]
            found = answers.get(name, otherwise or Answer(status=404, announced=0))
            several = [found] if isinstance(found, Answer) else found
            turn = site.requests.count(self.path) - 1
            answer = several[min(turn, len(several) - 1)]
            status, begin = answer.part(asked, self.headers.get("If-Range"))
            self.send_response(status)
            if answer.announced is not None:
                self.send_header("Content-Length", str(answer.announced - begin))
            if status == 206:
                whole = len(answer.body)
                self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
            if answer.tag is not None:
                self.send_header("ETag", answer.tag)
            if answer.location is not None:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body[begin:][: answer.breaks])
            if answer.stalls:
                self.wfile.flush()
                over.wait()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - base's name
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
