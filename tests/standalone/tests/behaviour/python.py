"""A WebSocket client that knows nothing of this framework: python.py ws|wss-address [certificate]

Ends with 0 when everything went as RFC 6455 and the server's options say."""

import asyncio
import ssl
import sys

import websockets

ADDRESS = sys.argv[1]
TLS = None
if len(sys.argv) > 2:
    TLS = ssl.create_default_context(cafile=sys.argv[2])
PAGE = "https://game.example"


def connect(path="/game", page=PAGE, protocols=("other", "pitaya")):
    more = {"ssl": TLS} if TLS else {}
    return websockets.connect(
        ADDRESS + path, origin=page, subprotocols=protocols, max_size=None, **more
    )


def packet(kind, body=b""):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def request(number, body):
    return packet(4, bytes([0, number, len("stage.echo")]) + b"stage.echo" + body)


async def shake_hands(client):
    await client.send(packet(1, b"{}"))
    assert (await client.recv()).startswith(b"\x01")
    await client.send(packet(2))


async def answers():
    async with connect() as client:
        assert client.subprotocol == "pitaya", client.subprotocol
        await shake_hands(client)
        # Every form of a frame's length, both ways.
        for number, size in enumerate([0, 1, 104, 105, 112, 113, 65_500, 65_536, 900_000], 1):
            body = b"x" * size
            await client.send(request(number, body))
            answer = await client.recv()
            assert answer == packet(4, bytes([4, number]) + body), size
        # In parts, around a ping.
        whole = request(20, b"in parts")
        await client.send([whole[:3], whole[3:9], b"", whole[9:]])
        assert (await client.recv()).endswith(b"in parts")
        await (await client.ping(b"are you there"))
        # As text.
        await client.send(request(21, b"text").decode("ascii"))
        assert (await client.recv()).endswith(b"text")
        await client.close(4000, "enough")
    assert client.close_code == 4000, client.close_code


async def closed_over(code, message):
    async with connect() as client:
        await shake_hands(client)
        await client.send(message)
        try:
            await client.recv()
            raise AssertionError("served")
        except websockets.ConnectionClosed:
            assert client.close_code == code, client.close_code


async def refused(status, **how):
    try:
        async with connect(**how):
            raise AssertionError("served")
    except websockets.InvalidHandshake as error:
        # Its name depends on the library's age.
        response = getattr(error, "response", None)
        found = response.status_code if response else error.status_code
        assert found == status, found


async def everything():
    await answers()
    async with connect(protocols=None) as client:
        assert client.subprotocol is None
    await closed_over(1002, packet(7))
    await closed_over(1002, packet(3) + packet(3))
    await closed_over(1009, b"\x04" + b"\0" * 1_000_001)
    await refused(404, path="/elsewhere")
    await refused(403, page="https://evil.example")


asyncio.run(asyncio.wait_for(everything(), 60))
