"""A server that keeps a little of every request, beside much that is harmless."""

import time

cache = {}
history = []


def warm_up():
    """Fills a cache once: much memory, but it does not grow."""
    for key in range(100):
        cache[key] = bytearray(40_000)


def refresh():
    """Replaces the entries of the cache."""
    for key in range(0, 100, 7):
        cache[key] = bytearray(40_000)


def reload_config():
    """Keeps much at once, half-way, and never again."""
    return bytearray(3_000_000)


def remember(request):
    history.append(bytearray(6_000))  # the leak


def handle(request):
    body = bytearray(200_000)
    remember(request)
    return len(body)


def serve():
    config = None
    for request in range(300):
        handle(request)
        if request % 50 == 0:
            refresh()
        if request == 150:
            config = reload_config()
        time.sleep(0.005)
    return config


warm_up()
serve()
