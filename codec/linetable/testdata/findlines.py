"""Prints the line tables of this interpreter, and the lines that it finds in them itself.

First line: sys.hexversion. Then for each code object: first line, table in hex, and the ranges
"start,end,line" of byte offsets that have a line. argv[1] is how many code objects at most.
"""
import dis
import os
import sys
import types

# What the standard library has little of: long statements, large steps between lines, and lines that go back.
ODD = [
    "x = [" + ", ".join("f(%d)" % i for i in range(200)) + "]\ny = 1\n",
    "x = 1\n" + "\n" * 700 + "y = 2\n" + "\n" * 100 + "z = 3\n",
    "def f():\n  x = (1 +\n" + "\n" * 300 + "    g(\n" + "\n" * 200 + "     2))\n  return x\n",
    "f = lambda: 0\n",
    "async def f(a):\n  async with a as b:\n    return [i async for i in b\n\n if i]\n",
    "try:\n  x()\nexcept (A, B) as e:\n  raise C from e\nfinally:\n  y()\n",
    "def f(a):\n  def g():\n    nonlocal a\n    a += 1\n    yield a\n  return g\n",
]


def sources():
    for text in ODD:
        yield text, "<odd>"
    folder = os.path.dirname(os.__file__)
    for name in sorted(os.listdir(folder)):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as f:
                yield f.read(), name


def walk(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            for inner in walk(const):
                yield inner


def ranges(code):
    if hasattr(code, "co_lines"):
        return [r for r in code.co_lines() if r[2] is not None]
    starts = list(dis.findlinestarts(code)) + [(len(code.co_code), None)]
    return [(a, b, line) for (a, line), (b, _) in zip(starts, starts[1:])]


def main(limit):
    print(sys.hexversion)
    for text, name in sources():
        for code in walk(compile(text, name, "exec", dont_inherit=True)):
            table = getattr(code, "co_linetable", None)
            if table is None:
                table = code.co_lnotab
            print(code.co_firstlineno, table.hex() or "-", *["%d,%d,%d" % r for r in ranges(code)])
            limit -= 1
        if limit <= 0:
            return


main(int(sys.argv[1]))
