"""Recursion, generators, comprehensions, and odd names, files and lines."""
import gc
import itertools
import sys

HELD = []
SERIAL = itertools.count(600)  # every block has its own size


def block():
    return bytearray(next(SERIAL))


def down(n):
    if n % 60 == 0:
        HELD.append(block())
    return down(n - 1) if n else block()


def even(n):
    return odd(n - 1) if n else HELD.append(block())


def odd(n):
    block()
    return even(n - 1)


def produce(n):
    for i in range(n):
        HELD.append(block())
        yield block()


def nested_generators(n):
    yield from (b for b in produce(n) if len(b) % 2)


def comprehensions():
    HELD.append([block() for _ in range(5)])
    HELD.append({i: block() for i in range(5)})
    HELD.append({id(block()) for _ in range(5)})
    HELD.append((lambda n: [block() for _ in range(n)])(4))


class Ünïcode:
    def __init__(self):
        self.größe = block()

    def __del__(self):
        HELD.append(block())

    @property
    def 值(self):
        return block()


def odd_files():
    source = "def work(block, held):\n    held.append(block())\n\n\n    return block()\nwork(block, HELD)\n"
    for name in ("two\nlines.py", "", "<generated>", "a;b,c \"quoted\".py", "C:\\folder\\file.py", "x" * 3000, "ünï/cödé.py"):
        exec(compile(source, name, "exec"), {"block": block, "HELD": HELD})


def odd_names():
    code = down.__code__
    if not hasattr(code, "replace"):  # before 3.8
        return
    for name in ("", "with space", "semi;colon", "new\nline", "<angles>", "a.b.c", "n" * 2000, "名前"):
        HELD.append(type(down)(code.replace(co_name=name), globals())(0))


def far_lines():
    """A statement of some thousand bytes of code, and lines that jump and go back."""
    long = "HELD.extend([%s])\n" % ", ".join("block()" for _ in range(300))
    jump = "x = (block(),\n" + "\n" * 500 + "     [block(),\n" + "\n" * 40 + "      block()],\n  block())\n"
    exec(compile("\n" * 70000 + long + jump + "del x\nHELD.append(block())\n", "far.py", "exec"), {"block": block, "HELD": HELD})


def main():
    sys.setrecursionlimit(3000)
    down(700)
    even(60)
    HELD.extend(nested_generators(30))
    comprehensions()
    for _ in range(3):
        HELD.append(Ünïcode().值)
    odd_files()
    odd_names()
    far_lines()
    del HELD[::5]
    gc.collect()


main()
