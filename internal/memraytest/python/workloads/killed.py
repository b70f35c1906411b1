"""Ends by SIGKILL: leaves an unfinished capture behind."""
import os
import signal
import time

HELD = []


def grow(i):
    HELD.append(bytearray(4000 + i))
    if i % 3 == 0:
        HELD.pop(0)


for n in range(400):
    grow(n)
    if n % 20 == 0:
        time.sleep(0.002)  # for some memory records
os.kill(os.getpid(), signal.SIGKILL)
