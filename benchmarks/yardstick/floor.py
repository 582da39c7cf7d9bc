"""The floor no server passes: sockets, JSON or bytes, ONNX Runtime, and nothing else.

    python floor.py PORT MODEL json|binary REQUEST_SIZE BODY_OFFSET

It knows in advance how long a request is and where its tensor starts: it reads no header, checks nothing, has
no threads, no queue and no metrics. One epoll loop; a request's bytes are received straight into one buffer.
"""

from __future__ import annotations

import select
import socket
import sys

import numpy as np
import onnxruntime as ort
import orjson


class Floor:
    """Answer requests of exactly `size` bytes whose payload begins at `offset`."""

    def __init__(self, model: str, binary: bool, size: int, offset: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        value = self._session.get_inputs()[0]
        self._name = value.name
        self._shape = [dim if isinstance(dim, int) else 1 for dim in value.shape]
        self._dtype = np.uint8 if value.type == "tensor(uint8)" else np.float32
        self._binary = binary
        self._buffer = bytearray(size)
        self._payload = memoryview(self._buffer)[offset:]

    def serve(self, port: int) -> None:
        """Answer until killed."""
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        poller = select.epoll()
        poller.register(listener, select.EPOLLIN)
        connections: dict[int, socket.socket] = {}
        while True:
            for fd, _ in poller.poll():
                if fd == listener.fileno():
                    connection = listener.accept()[0]
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections[connection.fileno()] = connection
                    poller.register(connection, select.EPOLLIN)
                elif not self._answer(connections[fd]):
                    poller.unregister(fd)
                    connections.pop(fd).close()

    def _answer(self, connection: socket.socket) -> bool:
        try:
            got = connection.recv_into(self._buffer, len(self._buffer), socket.MSG_WAITALL)
            if got < len(self._buffer):
                return False
            connection.sendall(self._binary_answer() if self._binary else self._json_answer())
        except ConnectionError:
            return False
        return True

    def _binary_answer(self) -> bytes:
        array = np.frombuffer(self._payload, self._dtype).reshape(self._shape)
        body = b"".join([output.tobytes() for output in self._session.run(self._outputs, {self._name: array})])
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def _json_answer(self) -> bytes:
        data = orjson.loads(self._payload)["inputs"][0]["data"]
        array = np.array(data, self._dtype).reshape(self._shape)
        outputs = self._session.run(self._outputs, {self._name: array})
        named = [{"name": name, "data": output.ravel()} for name, output in zip(self._outputs, outputs, strict=True)]
        body = orjson.dumps({"outputs": named}, option=orjson.OPT_SERIALIZE_NUMPY)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def main() -> None:
    port, model, form, size, offset = sys.argv[1:6]
    Floor(model, form == "binary", int(size), int(offset)).serve(int(port))


if __name__ == "__main__":
    main()
