"""Many distinct stacks, Python and native: argv[1] rounds, argv[2] threads.

For large captures with --native --trace-python-allocators. Parsing and compiling source
recurses through C as the source nests, so that each file brings new native stacks; imports,
regular expressions, JSON, SQLite and deep recursion add those of a program that starts up.
Uses sqlalchemy where it is installed.
"""
import ast
import importlib
import json
import os
import random
import re
import sqlite3
import sys
import threading
import types

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 4
LIB = os.path.dirname(os.__file__)
FILES = sorted(name for name in os.listdir(LIB) if name.endswith(".py"))
PACKAGES = ["email", "xml.dom.minidom", "logging.config", "unittest.mock", "asyncio", "decimal",
            "http.server", "sqlalchemy", "sqlalchemy.orm"]
KEEP = []


def read(name):
    with open(os.path.join(LIB, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def import_all():
    for name in PACKAGES:
        try:
            KEEP.append(importlib.import_module(name))
        except ImportError:
            print("native_churn: not installed:", name)


def import_again():
    """Runs modules anew under other names: their classes and constants once more."""
    for name in ("argparse", "typing", "dataclasses", "inspect", "locale"):
        module = types.ModuleType("again_" + name)
        sys.modules[module.__name__] = module
        exec(compile(read(name + ".py"), name + ".py", "exec"), module.__dict__)


class Counter(ast.NodeVisitor):
    """Recurses through Python as the source nests."""

    def __init__(self):
        self.kinds = {}

    def generic_visit(self, node):
        self.kinds.setdefault(type(node).__name__, []).append(getattr(node, "lineno", 0))
        super().generic_visit(node)


def parse(name):
    text = read(name)
    tree = ast.parse(text, name)
    counter = Counter()
    counter.visit(tree)
    code = compile(tree, name, "exec", dont_inherit=True)
    return counter.kinds, code


def nested(rng, depth):
    """A random expression that nests, as source."""
    if depth == 0:
        return str(rng.randrange(1000))
    parts = [nested(rng, rng.randrange(depth)) for _ in range(rng.randrange(1, 4))]
    form = rng.randrange(6)
    if form == 0:
        return "[" + ", ".join(parts) + "]"
    if form == 1:
        return "f(" + ", ".join(parts) + ")"
    if form == 2:
        return "{" + ", ".join("%d: %s" % (i, p) for i, p in enumerate(parts)) + "}"
    if form == 3:
        return "(lambda x: %s)" % parts[0]
    if form == 4:
        return "[y for y in %s if %s]" % (parts[0], parts[-1])
    return "(%s if %s else %s)" % (parts[0], parts[-1], parts[0])


def expressions(rng):
    for _ in range(40):
        code = compile(nested(rng, 9), "<expression>", "eval")
        if rng.randrange(8) == 0:
            KEEP.append(code)


def documents(rng):
    def tree(depth):
        if depth == 0:
            return "x" * rng.randrange(60)
        return {"k%d" % i: [tree(depth - 1)] for i in range(rng.randrange(1, 4))}

    text = json.dumps([tree(rng.randrange(7)) for _ in range(20)], indent=1)
    return json.loads(text, object_hook=lambda d: {k.upper(): v for k, v in d.items()})


def patterns(rng):
    re.purge()
    for _ in range(10):
        body = "".join("(%s{1,%d}|[a-%s])?" % ("ab" * rng.randrange(1, 4), rng.randrange(2, 9), rng.choice("cdef"))
                       for _ in range(rng.randrange(1, 8)))
        re.sub(body, lambda m: m.group(0) * 2, "abcdefab" * 20)


def database(rng):
    con = sqlite3.connect(":memory:")
    con.create_function("grow", 1, lambda v: "z" * (v % 500))
    con.execute("create table t(a integer primary key, b, c)")
    con.executemany("insert into t(b, c) values(?, grow(?))", ((rng.random(), i * 7) for i in range(200)))
    rows = con.execute("select x.a, y.c from t x join t y on x.a = y.a + 1 order by y.b").fetchall()
    con.close()
    return rows


def orm(rng):
    if "sqlalchemy" not in sys.modules:
        return None
    import sqlalchemy as sa
    table = sa.Table("t%d" % rng.randrange(10**9), sa.MetaData(),
                     *[sa.Column("c%d" % i, sa.Integer if i % 2 else sa.String) for i in range(8)])
    query = sa.select(*[c for c in table.c if rng.randrange(2)] or [table.c.c0])
    for c in table.c:
        if rng.randrange(2):
            query = query.where(sa.or_(c == 1, c > rng.randrange(9)))
    return str(query)


def recurse(depth, work, rng):
    """Comes to work through a stack of its own: the way is drawn by lot."""
    if depth == 0:
        return work(rng)
    if rng.randrange(3) == 0:
        return sorted([depth], key=lambda d: recurse(d - 1, work, rng) and 0)
    if rng.randrange(2) == 0:
        return [recurse(depth - 1, work, rng) for _ in (0,)]
    return recurse(depth - 1, work, rng)


def worker(number):
    rng = random.Random(number)
    mine = FILES[number::THREADS]
    kept = {}
    for i in range(ROUNDS):
        kept[i % 50] = parse(mine[i % len(mine)])
        for work in (expressions, documents, patterns, database, orm):
            kept[work.__name__, i % 20] = recurse(rng.randrange(60), work, rng)
        if i % 10 == 0:
            import_again()
    KEEP.append(kept)


def main():
    sys.setrecursionlimit(5000)
    import_all()
    threads = [threading.Thread(target=worker, args=(n,), name="worker-%d" % n) for n in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("native_churn done", len(KEEP))


main()
