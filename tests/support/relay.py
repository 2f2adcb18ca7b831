# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that behaves like the network on a bad day: relay.py PORT TARGET-PORT MODE-FILE ACCEPTED-FILE.

The mode is read anew for every piece of data:
    pass        at once
    delay MS    each piece that much later
    forget N    the first N connections are swallowed, both ways and for ever: no byte, no end, no reset
Each connection that was accepted adds a line to ACCEPTED-FILE.
"""
import asyncio
import sys

port, target, mode_file, accepted_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
accepted = 0


def mode():
    with open(mode_file, encoding="ascii") as file:
        words = file.read().split() or ["pass"]  # it is just being written
    return words[0], int(words[1]) if len(words) > 1 else 0


def is_forgotten(number):
    word, value = mode()
    return word == "forget" and number <= value


async def pump(number, reader, writer):
    try:
        while data := await reader.read(65536):
            if is_forgotten(number):
                continue
            word, value = mode()
            if word == "delay":
                await asyncio.sleep(value / 1000)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    while is_forgotten(number):
        await asyncio.sleep(0.2)
    writer.close()


async def accept(reader, writer):
    global accepted
    accepted += 1
    number = accepted
    with open(accepted_file, "a", encoding="ascii") as file:
        file.write(f"{number}\n")
    try:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(number, reader, there_writer), pump(number, there_reader, writer))


async def main():
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
