"""Children that allocate: --follow-fork writes a capture for each of them."""
import os

HELD = [bytearray(5000) for _ in range(3)]


def child(n):
    del HELD[0]
    HELD.extend(bytearray(7000 + n) for _ in range(5 * n))


for number in (1, 2):
    pid = os.fork()
    if pid == 0:
        child(number)
        raise SystemExit
    os.waitpid(pid, 0)
HELD.append(bytearray(1 << 20))
