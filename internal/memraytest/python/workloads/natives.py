"""Python that calls C that calls Python, for native stacks."""
import ctypes
import json
import re
import sqlite3
import zlib

HELD = []


def block(n):
    HELD.append(bytearray(800 + n % 50))
    return n


def by_qsort():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 20)(*range(20, 0, -1))
    qsort = ctypes.CDLL(None).qsort
    qsort(numbers, 20, ctypes.sizeof(ctypes.c_int), compare(lambda a, b: block(a[0] - b[0])))


def by_regex():
    re.purge()
    HELD.append(re.sub("([a-z]+)-(?=[a-z])", lambda m: m.group(1) * block(3), "ab-cd-efg-hij" * 9))


def by_sqlite():
    db = sqlite3.connect(":memory:")
    db.create_function("grow", 1, lambda n: "y" * block(n) * 9)
    db.execute("create table t(a, b)")
    db.executemany("insert into t values(?, grow(?))", ((i, i) for i in range(60)))
    HELD.append(db.execute("select * from t order by b desc, a").fetchall())


def by_json():
    text = json.dumps({"a": [{"b%d" % i: list(range(i))} for i in range(40)]}, indent=2, default=block)
    HELD.append(json.loads(text, object_hook=lambda d: (block(len(d)), d)))


def by_sort(n):
    return sorted(range(n), key=lambda i: by_sort(n - 1) and -block(i) if n else 0) or [0]


by_qsort()
by_regex()
by_sqlite()
by_json()
by_sort(4)
HELD.append(zlib.compress(bytes(100000)))
