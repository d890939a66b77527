"""A TCP wire between two of our processes, which breaks on demand."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tests.services import free_port

Value = TypeVar("Value")

_NOW = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: what is closed is reset, and nobody hears a polite end."""


class Proxy:
    """A wire to a port of this machine. Its own port stays the same, whatever becomes of the server behind it."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target, self._host = target, host
        self.port = free_port()
        self.lost = 0
        """Answers that never arrived."""
        self._delay_s = 0.0
        self._cut = False
        self._swallowed: list[bytes] = []
        self._doomed: list[bytes] = []
        self._links: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"wire-{self.port}", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5.0)

    # --- what a test does to it ---------------------------------------------------------------------------------

    def delay(self, seconds: float) -> None:
        """Let everything take so much longer, in both directions."""
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def stall(self) -> None:
        """Take everything and pass nothing on: a line that is half open."""
        self._do(self._flows.clear)

    def reset(self) -> None:
        """Break every connection there is; new ones are welcome."""
        self._do(self._reset)

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""

        def cut() -> None:
            self._cut = True
            self._reset()

        self._do(cut)

    def swallow(self, word: bytes) -> None:
        """Let the next answer that holds `word` vanish, on a connection that stays open."""
        self._do(lambda: self._swallowed.append(word))

    def lose_answer(self, word: bytes) -> None:
        """Let the next request that holds `word` arrive, and break the connection when it is answered."""
        self._do(lambda: self._doomed.append(word))

    def heal(self) -> None:
        """Be a wire again."""

        def heal() -> None:
            self._cut, self._delay_s = False, 0.0
            self._swallowed.clear()
            self._doomed.clear()
            self._flows.set()

        self._do(heal)

    def close(self) -> None:
        """Break every connection and listen no more."""
        self.cut()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    # --- the wire -----------------------------------------------------------------------------------------------

    def _do(self, change: Callable[[], Value]) -> Value:
        """Make a change where the wire lives, and wait until it is made."""

        async def made() -> Value:
            return change()

        return asyncio.run_coroutine_threadsafe(made(), self._loop).result(5.0)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(writer)
        try:
            await self._flows.wait()
            if not self._cut:
                await self._connect(reader, writer)
        finally:
            self._links.discard(writer)
            _break(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            return  # the server is gone: so is the client's connection
        self._links.add(server)
        doomed = asyncio.Event()
        directions = [
            asyncio.create_task(self._requests(reader, server, doomed)),
            asyncio.create_task(self._answers(answers, writer, doomed)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            self._links.discard(server)
            _break(server)

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await self._next(reader):
                if _taken(self._doomed, data):
                    doomed.set()
                server.write(data)
                await server.drain()

    async def _answers(
        self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await self._next(answers):
                if doomed.is_set():
                    self.lost += 1
                    return
                if _taken(self._swallowed, data):
                    self.lost += 1
                    continue
                writer.write(data)
                await writer.drain()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        data = await reader.read(65_536)
        await self._flows.wait()
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        return data

    def _reset(self) -> None:
        for writer in list(self._links):
            _break(writer)


def _break(writer: asyncio.StreamWriter) -> None:
    line: Any = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed already
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
    writer.transport.abort()


def _taken(words: list[bytes], data: bytes) -> bool:
    """Whether `data` holds one of `words`, which is then no longer looked for."""
    for word in words:
        if word in data:
            words.remove(word)
            return True
    return False
