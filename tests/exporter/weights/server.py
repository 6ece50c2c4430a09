"""A web server on loopback that misbehaves as each test wants."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """How a request is answered.

    ``announced`` is the Content-Length (None: none is sent). With ``stalls`` the connection stays
    open and silent after the body until the test is over. ``stated`` is the hash in a header.
    """

    status: int = 200
    body: bytes = b""
    announced: int | None = None
    location: str | None = None
    stated: str | None = None
    stalls: bool = False


@dataclass
class Site:
    """A running server: its address, and the paths that were requested."""

    address: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def serving(
    answers: Mapping[str, Answer | Sequence[Answer]], *, otherwise: Answer | None = None
) -> Iterator[Site]:
    """Serve ``answers`` by file name until the context ends; of several, the last one stays."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            name = self.path.rpartition("/")[2]
            found = answers.get(name, otherwise or Answer(status=404, announced=0))
            several = [found] if isinstance(found, Answer) else found
            turn = site.requests.count(self.path) - 1
            answer = several[min(turn, len(several) - 1)]
            self.send_response(answer.status)
            if answer.announced is not None:
                self.send_header("Content-Length", str(answer.announced))
            if answer.location is not None:
                self.send_header("Location", answer.location)
            if answer.stated is not None:
                self.send_header("X-Linked-Etag", f'"{answer.stated}"')
            self.end_headers()
            self.wfile.write(answer.body)
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
