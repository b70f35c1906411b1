"""Stacks that change within one thread: asyncio tasks and, where installed, greenlets."""
import asyncio

try:
    import greenlet
except ImportError:
    greenlet = None

HELD = []


async def inner(n):
    HELD.append(bytearray(2000 + n))
    await asyncio.sleep(0)
    return bytearray(900 + n)


async def task(n):
    for i in range(8):
        await inner(10 * n + i)


async def tasks():
    await asyncio.gather(*(task(n) for n in range(6)))


def greenlets():
    main = greenlet.getcurrent()

    def deeper(n):
        HELD.append(bytearray(1500 + n))
        return deeper(n - 1) if n else main.switch()

    def run(n):
        for i in range(4):
            deeper(n + i)
            HELD.append(bytearray(4000 + n))

    waiting = [greenlet.greenlet(run) for _ in range(5)]
    for n, g in enumerate(waiting):
        g.switch(n)
    while waiting:
        waiting = [g for g in waiting if not g.dead]
        for g in waiting:
            g.switch()
            HELD.append(bytearray(6000))


asyncio.run(tasks())
if greenlet:
    greenlets()
