"""A program that makes a large buffer for each line, and another that only keeps what it makes."""

import time

kept = []


def render(line):
    page = bytearray(90_000)  # the churn
    page[0] = line % 256
    return sum(page[:10])


def collect(line):
    kept.append(bytearray(20_000))


def work():
    for line in range(400):
        render(line)
        if line % 4 == 0:
            collect(line)
        if line % 20 == 0:
            time.sleep(0.01)


work()
