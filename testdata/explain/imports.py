"""A program that does little, but imports a module that is expensive to import."""

import string
import time

import light
import tables


def work():
    buffers = [bytearray(30_000) for _ in range(10)]
    time.sleep(0.1)
    return len(buffers)


work()
print(len(tables.SQUARES), len(string.ascii_letters), light.NAME, end="")
