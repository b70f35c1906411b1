"""Every function that Memray hooks, mappings that are unmapped in part, and calls that fail."""
import ctypes
import sys

libc = ctypes.CDLL(None)
SIZE, POINTER = ctypes.c_size_t, ctypes.c_void_p
PAGE = 4096
HELD = []


def function(name, *arguments):
    f = getattr(libc, name)
    f.restype, f.argtypes = POINTER, list(arguments)
    return f


malloc, valloc = function("malloc", SIZE), function("valloc", SIZE)
pvalloc = function("pvalloc", SIZE) if hasattr(libc, "pvalloc") else valloc  # musl has none
calloc, memalign, aligned_alloc = (function(name, SIZE, SIZE) for name in ("calloc", "memalign", "aligned_alloc"))
realloc = function("realloc", POINTER, SIZE)
free = function("free", POINTER)
posix_memalign = function("posix_memalign", ctypes.POINTER(POINTER), SIZE, SIZE)
_mmap = function("mmap", POINTER, SIZE, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
munmap = function("munmap", POINTER, SIZE)


def mmap(size, at=None):
    anonymous = 0x22 | (0x10 if at else 0)  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
    return _mmap(at, size, 3, anonymous, -1, 0)


def blocks():
    HELD.extend([malloc(1001), calloc(11, 101), valloc(5003), pvalloc(300), memalign(64, 700), aligned_alloc(32, 640)])
    p = POINTER()
    posix_memalign(ctypes.byref(p), 128, 900)
    HELD.append(p.value)
    q = None
    for size in (50, 5000, 120000, 60):
        q = realloc(q, size)
    HELD.append(q)
    for size in (0, 1, 77):
        free(malloc(size))
    free(None)
    HELD.append(malloc(0))


def temporary():
    a, b, c = malloc(200), malloc(300), malloc(400)
    free(b)
    free(c)
    free(a)
    for size in range(100, 120):
        free(malloc(size))


def ranges():
    whole = mmap(20 * PAGE)
    munmap(whole, 3 * PAGE)
    munmap(whole + 18 * PAGE, 2 * PAGE)
    munmap(whole + 8 * PAGE, 2 * PAGE)
    pieces = mmap(9 * PAGE)
    for i in range(1, 9, 2):
        munmap(pieces + i * PAGE, PAGE)
    munmap(pieces, 9 * PAGE)  # all that is left of it, at one go
    below = mmap(6 * PAGE)
    mmap(2 * PAGE, below + 2 * PAGE)  # over a live one
    munmap(below, 5 * PAGE)
    munmap(mmap(4 * PAGE), 4 * PAGE)


def failing():
    malloc(1 << 62)
    calloc(1 << 40, 1 << 40)
    realloc(None, 1 << 62)
    mmap(1 << 60)
    mmap(0)
    munmap(HELD[0] | 1, 10)
    munmap(1 << 45, 0)


def peak():
    """Twice the same height, so that the last one counts."""
    for _ in range(2):
        tower = [malloc(1 << 20) for _ in range(8)]
        for p in tower:
            free(p)


blocks()
temporary()
ranges()
failing()
peak()
print("blocks done on", sys.version.split()[0])
