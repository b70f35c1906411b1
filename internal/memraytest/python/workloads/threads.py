"""Threads at once, named and nameless, that hand blocks to each other and outlive one another."""
import ctypes
import queue
import threading

HELD = []
PARCELS = queue.Queue()


def blocks(n, size):
    return [bytearray(size + i) for i in range(n)]


def producer(number):
    for i in range(30):
        PARCELS.put(bytearray(3000 + 100 * number + i))
    HELD.append(blocks(3, 700 + number))


def consumer(n):
    for i in range(n):
        parcel = PARCELS.get(timeout=30)
        if i % 2:
            HELD.append(parcel)
        del parcel


def renamed():
    """Names of the kernel's own, the last one counts."""
    prctl = ctypes.CDLL(None).prctl
    for name in (b"first", "zwölf Zeichen".encode()):
        prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        HELD.append(blocks(2, 5000))


def start(target, *args, **kwargs):
    t = threading.Thread(target=target, args=args, **kwargs)
    t.start()
    return t


def main():
    running = [start(producer, n, name="producer-%d" % n) for n in range(3)]
    running += [start(consumer, 45, name="consumer ü") for _ in range(2)]
    running += [start(renamed)]
    for t in running:
        t.join()
    for n in range(40):  # short ones: thread ids of old releases come again
        start(producer, n).join()
    HELD.append(blocks(10, 9000))


main()
