"""Connections of the service: none holds a thread, or the server, before it has sent the whole head of a request.

gunicorn's worker with threads reads heads in them, with no bound of time, drains unread bodies there and waits in its
main loop for clients to hang up: some dozens of connections that send half a head would silence it, tokens or not.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_SECONDS = 10.0
HEAD_BYTES = 32 * 1024
# How long a client may take to hang up that was answered while it still sent.
LEAVE_SECONDS = 2.0
# How long a read or a write may stand still where nothing else bounds it, such as an answer nobody fetches.
STALL_SECONDS = 30
END_OF_HEAD = b"\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]
    """Waits for heads, and for clients to hang up, in the one loop that watches all connections."""

    def enqueue_req(self, conn: TConn) -> None:
        """Gives the connection to a thread when a head has arrived; looks at it without taking it from the socket."""
        began = conn.parser.unreader.buf.getvalue() if conn.parser is not None else b""
        try:
            arrived = conn.sock.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self._wait_for_more(conn, 0)
        except OSError:
            return self._close(conn)
        if END_OF_HEAD in (began + arrived).lstrip(b"\r\n"):
            return self._hand_over(conn)
        # It was woken for more, so without more the client has gone.
        is_over = len(arrived) == getattr(conn, "seen", 0) or len(arrived) >= HEAD_BYTES
        return self._close(conn) if is_over else self._wait_for_more(conn, len(arrived))

    def _wait_for_more(self, conn: TConn, seen: int) -> None:
        """Until there are more bytes than were seen, or the time for a head is over, however slowly it drips."""
        conn.timeout = conn.timeout or time.monotonic() + HEAD_SECONDS
        conn.seen, conn.is_leaving = seen, False
        if time.monotonic() > conn.timeout:
            return self._close(conn)
        _set(conn.sock, socket.SO_RCVLOWAT, seen + 1)
        return self._watch(conn, partial(self.on_pending_socket_readable, conn))

    def _hand_over(self, conn: TConn) -> None:
        conn.timeout, conn.seen, conn.data_ready = None, 0, True
        _set(conn.sock, socket.SO_RCVLOWAT, 1)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            _set(conn.sock, option, struct.pack("ll", STALL_SECONDS, 0))
        super().enqueue_req(conn)

    def on_client_socket_readable(self, conn: TConn, client: Any) -> None:
        conn.timeout = None  # that of its next head begins
        super().on_client_socket_readable(conn, client)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """A connection whose body nobody wanted is closed; draining it would hold the thread."""
        is_kept = super().handle_request(req, conn)
        reader = req.body.reader
        return bool(is_kept) and isinstance(reader, LengthReader) and not reader.length

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        if is_kept:
            super().finish_request(conn, fs)
        else:
            self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        """Half closes, and reads on for a while: closed at once, the client might never see its answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return self._close(conn)
        conn.timeout, conn.is_leaving = time.monotonic() + LEAVE_SECONDS, True
        return self._watch(conn, partial(self._read_on, conn))

    def _read_on(self, conn: TConn, _client: Any) -> None:
        try:
            has_left = not conn.sock.recv(HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            has_left = True
        if has_left:
            self.poller.unregister(conn.sock)
            self.pending_conns.remove(conn)
            self._close(conn)

    def _watch(self, conn: TConn, then: partial[None]) -> None:
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, then)

    def murder_pending(self) -> None:
        """Those whose time is over, in whatever order they came. A service that stops waits for no more heads."""
        now = time.monotonic()
        for conn in list(self.pending_conns):
            if conn.timeout > now and (self.alive or conn.is_leaving):
                continue
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def _set(sock: socket.socket, option: int, value: int | bytes) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, value)
    except OSError:  # of a connection that is gone, which whoever reads it finds out
        pass
