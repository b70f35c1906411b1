"""Object lifetimes. No flag of memray run asks for them, so it tracks itself: argv[1] is the capture, and
argv[2] is "aggregated" for that format. Needs CPython 3.13.3."""
import sys

import memray

HELD = []


class Node:
    def __init__(self, n):
        self.n = n
        self.other = [n]


def main(path, *formats):
    options = {"file_format": memray.FileFormat.AGGREGATED_ALLOCATIONS} if formats else {}
    with memray.Tracker(path, track_object_lifetimes=True, native_traces=True, trace_python_allocators=True, **options):
        HELD.extend(Node(n) for n in range(100))
        del HELD[::3]
        HELD.append(bytearray(50000))


main(*sys.argv[1:])
