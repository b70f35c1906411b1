"""Makes tables as it is imported."""


def build(size):
    return [bytearray(size) for _ in range(40)]


SQUARES = build(25_000)  # the cost
