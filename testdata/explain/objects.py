"""A server that keeps small objects: pymalloc's, of which a plain capture does not tell."""

import time

seen = {}


def remember(request):
    seen[request] = {"request": request, "parts": [str(request * 1_000 + k) for k in range(40)]}  # the leak


def handle(request):
    body = bytearray(100_000)
    remember(request)
    return len(body)


for request in range(500):
    handle(request)
    time.sleep(0.003)
