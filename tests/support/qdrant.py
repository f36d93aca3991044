"""A wire double of a Qdrant server: real HTTP, Qdrant's own models, its engine in Python behind.

Not Qdrant. Requests are parsed, and answers written, with the models of the official client; what
they do not accept is refused with 400, as the server does.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pydantic
from qdrant_client import QdrantClient
from qdrant_client.http import models

Answer = tuple[int, Any]


class QdrantDouble:
    """One double. `mode` None answers; `status`, `garbage` or `hang` are faults.

    `faults` counts the requests that met one, without those that only ask whether it is there.
    """

    def __init__(self, api_key: str | None) -> None:
        self.api_key = api_key
        self.port = 0
        self.mode: str | None = None
        self.faults = 0
        self.fault_status = 500
        self.requests: list[tuple[str, str, Any]] = []
        self.indexes: dict[str, dict[str, Any]] = {}
        self.released = threading.Event()
        self._metadata: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._engine = QdrantClient(":memory:")
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one request: a status, and `result` or an error text."""
        sent = msgspec.json.decode(body) if body else None
        with self._lock:
            self.requests.append((method, path, sent))
            try:
                return self._route(method, urlsplit(path).path.strip("/").split("/"), sent)
            except pydantic.ValidationError as error:
                return 400, f"Format error in JSON body: {error}"

    def forget_metadata(self, name: str) -> None:
        """Be a server before 1.16, or hold a collection that somebody made by hand."""
        self._metadata.pop(name, None)

    def _route(self, method: str, parts: list[str], sent: Any) -> Answer:
        name = unquote(parts[1]) if len(parts) > 1 else ""
        answer: Answer = (404, "no such route")
        match method, parts[0], parts[2:]:
            case "GET", "collections", [] if not name:
                answer = (200, {"collections": [{"name": each} for each in self._sizes]})
            case "PUT", "collections", []:
                answer = self._create(name, sent)
            case _ if name not in self._sizes:
                answer = (404, f"Not found: Collection `{name}` doesn't exist!")
            case "GET", _, []:
                answer = (200, self._info(name))
            case "PUT", _, ["index"]:
                wanted = models.CreateFieldIndex.model_validate(sent)
                self.indexes.setdefault(name, {})[wanted.field_name] = sent["field_schema"]
                answer = (200, {"operation_id": 1, "status": "completed"})
            case "PUT", _, ["points"]:
                answer = self._upsert(name, models.PointsList.model_validate(sent))
            case "POST", _, ["points", what]:
                answer = self._points(name, what, sent)
        return answer

    def _create(self, name: str, sent: Any) -> Answer:
        wanted = models.CreateCollection.model_validate(sent)
        if name in self._sizes:
            return 409, f"Wrong input: Collection `{name}` already exists!"
        assert isinstance(wanted.vectors, models.VectorParams)
        self._engine.create_collection(name, vectors_config=wanted.vectors)
        self._sizes[name] = wanted.vectors.size
        self._metadata[name] = wanted.metadata
        return 200, True

    def _info(self, name: str) -> dict[str, Any]:
        size = self._sizes[name]
        vectors: dict[str, Any] = {"size": size, "distance": "Cosine"}
        config = {"params": {"vectors": vectors}, "metadata": self._metadata.get(name)}
        return {"status": "green", "points_count": 0, "config": config}

    def _upsert(self, name: str, wanted: models.PointsList) -> Answer:
        for point in wanted.points:
            assert isinstance(point.vector, list)
            if len(point.vector) != self._sizes[name]:
                return 400, "Wrong input: Vector dimension error"
        self._engine.upsert(name, wanted.points)
        return 200, {"operation_id": 2, "status": "completed"}

    def _points(self, name: str, what: str, sent: Any) -> Answer:
        match what:
            case "query":
                wanted = models.QueryRequest.model_validate(sent)
                found = self._engine.query_points(
                    name,
                    query=sent["query"],
                    query_filter=wanted.filter,
                    limit=wanted.limit or 10,
                    score_threshold=wanted.score_threshold,
                    with_payload=True,
                )
                return 200, found.model_dump(mode="json")
            case "count":
                counted = models.CountRequest.model_validate(sent)
                count = self._engine.count(name, count_filter=counted.filter, exact=True)
                return 200, count.model_dump()
            case "delete":
                gone = models.FilterSelector.model_validate(sent)
                self._engine.delete(name, points_selector=gone)
                return 200, {"operation_id": 3, "status": "completed"}
        return 404, "no such route"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    double: QdrantDouble


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        double = self.server.double
        double.faults += double.mode is not None and self.path != "/collections"
        if double.mode == "hang":
            double.released.wait(10)
        if double.mode == "garbage":
            self._send(200, b"<html>not Qdrant</html>")
        elif double.mode == "status":
            self._fail(double.fault_status, "switched to fail")
        elif double.api_key is not None and self.headers.get("api-key") != double.api_key:
            self._send(401, b"Must provide an API key or an Authorization bearer token")
        else:
            self._answer(*double.answer(self.command, self.path, body))

    do_PUT = do_POST = do_GET  # noqa: N815 - http.server looks these names up

    def _answer(self, status: int, result: Any) -> None:
        if status == 200:
            envelope = {"result": result, "status": "ok", "time": 0.001}
            self._send(200, msgspec.json.encode(envelope))
        else:
            self._fail(status, result)

    def _fail(self, status: int, text: str) -> None:
        self._send(status, msgspec.json.encode({"status": {"error": text}, "time": 0.001}))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def qdrant_double(api_key: str | None = None) -> Iterator[QdrantDouble]:
    """Serve a double on loopback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        double = QdrantDouble(api_key)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.double = double
    double.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield double
    finally:
        double.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
