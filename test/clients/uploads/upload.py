"""One upload by one client, run in that client's environment; prints the status and the problem body as JSON.

upload.py CLIENT URL CA KEY HEADERS BYTES SHAPE PAUSE

SHAPE is `length` or `chunks`; PAUSE is the time between two pieces, in s.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator

PIECE = 64 * 1024


def pieces(size: int, pause_s: float) -> Iterator[bytes]:
    for sent in range(0, size, PIECE):
        time.sleep(pause_s)
        yield bytes(min(PIECE, size - sent))


def by_requests(url: str, ca: str, headers: dict, body) -> tuple[int, str]:
    import requests

    answer = requests.post(url, data=body, headers=headers, verify=ca, timeout=60)
    return answer.status_code, answer.text


def by_httpx(url: str, ca: str, headers: dict, body, *, http2: bool) -> tuple[int, str]:
    import httpx

    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(http1=not http2, http2=http2, verify=context, timeout=60) as client:
        answer = client.post(url, content=body, headers=headers)
    return answer.status_code, answer.text


async def by_aiohttp(url: str, ca: str, headers: dict, body) -> tuple[int, str]:
    import aiohttp

    async def each() -> AsyncIterator[bytes]:
        for piece in body:
            yield piece

    data = body if isinstance(body, bytes) else each()
    context = ssl.create_default_context(cafile=ca)
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=data, headers=headers, ssl=context) as answer:
            return answer.status, await answer.text()


def main(client: str, url: str, ca: str, key: str, more: str, size: str, shape: str, pause: str) -> None:
    headers = {"X-API-Key": key, "Content-Type": "image/jpeg", **json.loads(more)}
    body = bytes(int(size)) if shape == "length" else pieces(int(size), float(pause))
    if client == "requests":
        status, text = by_requests(url, ca, headers, body)
    elif client == "aiohttp":
        status, text = asyncio.run(by_aiohttp(url, ca, headers, body))
    else:
        status, text = by_httpx(url, ca, headers, body, http2=client == "httpx-http2")
    print(json.dumps({"status": status, "problem": json.loads(text)}))


main(*sys.argv[1:])
