# SPDX-License-Identifier: BSD-2-Clause
"""A small web application for the service tests, as WSGI (wsgi) and ASGI (asgi): asks a slow peer, computes a little."""
import asyncio
import http.client
import os
from urllib.parse import urlsplit

PEER = urlsplit(os.environ["CONCADVISE_DELAY_URL"])


def compute(rounds=12_000):
    total = 0
    for step in range(rounds):
        total = (total * 31 + step) & 0xFFFFFFFF
    return b"%d\n" % total


def wsgi(environ, start_response):
    connection = http.client.HTTPConnection(PEER.netloc)
    connection.request("GET", "/delay/25/200")
    connection.getresponse().read()
    connection.close()
    body = compute()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def ask_peer():
    reader, writer = await asyncio.open_connection(PEER.hostname, PEER.port)
    writer.write(b"GET /delay/25/200 HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    await ask_peer()
    body = compute()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
