"""What the reports of the Memray that is installed here hold of captures: for each CAPTURE in
argv a file CAPTURE.reports.json.gz beside it. Native stacks are left out.

stats, text   memray stats --json, and without
series        [milliseconds, RSS, heap]
views         peak, leaks and temporary, each with "merged" and "split" threads:
  summary     [bytes, allocations, [[function, file, own, total, allocations], ...]]
  table       the rows of its page
  tree        [[cutoff, locations, allocations, bytes elided], nodes]
  flamegraph  nodes
  csv, gprof2dot, speedscope   what memray transform writes; merged only
A node is [index of its parent, [function, file, line], bytes, allocations, thread, interesting,
import system]; parents come first.
"""
import contextlib
import gzip
import html
import io
import json
import os
import sys
import tempfile

import memray
from memray._memray import compute_statistics
from memray.reporters.flamegraph import FlameGraphReporter
from memray.reporters.stats import StatsReporter
from memray.reporters.summary import SummaryReporter
from memray.reporters.table import TableReporter
from memray.reporters.transform import TransformReporter
from memray.reporters.tree import TreeReporter

VIEWS = {
    "peak": ("get_high_watermark_allocation_records", {}),
    "leaks": ("get_leaked_allocation_records", {}),
    "temporary": ("get_temporary_allocation_records", {"threshold": 1}),
}


def stats(path, out):
    try:
        reporter = StatsReporter(compute_statistics(path), 5)
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            reporter.render()
        out["text"] = text.getvalue()
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "stats.json")
            reporter.render(json_output_file=name)
            with open(name) as f:
                out["stats"] = json.load(f)
    except Exception as error:
        out["stats_error"] = "%s: %s" % (type(error).__name__, error)


def summary(rows):
    s = SummaryReporter.from_snapshot(rows)
    lines = [[k.function, k.file, v.own_memory, v.total_memory, v.n_allocations] for k, v in s.snapshot_data.items()]
    return [s.current_memory_size, s.total_allocations, lines]


def table(rows, merge):
    data = TableReporter.from_snapshot(rows, memory_records=[], native_traces=False, merge_threads=merge).data
    for line in data:
        line["stack_trace"] = html.unescape(line["stack_trace"])
    return data


def tree(rows):
    t = TreeReporter.from_snapshot(iter(rows), native_traces=False)
    e = t.elided_locations
    nodes, todo = [], [(-1, t.data)]
    while todo:
        parent, n = todo.pop()
        nodes.append([parent, list(n.location), n.value, n.n_allocations, n.thread_id, n.interesting, n.import_system])
        index = len(nodes) - 1
        todo.extend((index, child) for child in n.children.values())
    return [[e.cutoff, e.n_locations, e.n_allocations, e.n_bytes], nodes]


def flamegraph(rows, merge):
    data = FlameGraphReporter.from_snapshot(rows, memory_records=[], native_traces=False, merge_threads=merge).data
    strings, n = data["strings"], data["nodes"]
    parents = [-1] * len(n["value"])
    for i, children in enumerate(n["children"]):
        for child in children:
            parents[child] = i
    # Where a stack is cut only the name says so.
    functions = [
        strings[n["name"][i]] if strings[n["name"][i]] == "<STACK TOO DEEP>" else strings[n["function"][i]]
        for i in range(len(parents))
    ]
    return [
        [
            parents[i],
            [html.unescape(functions[i]), html.unescape(strings[n["filename"][i]]), n["lineno"][i]],
            n["value"][i], n["n_allocations"][i], strings[n["thread_id"][i]],
            bool(n["interesting"][i]), bool(n["import_system"][i]),
        ]
        for i in range(len(parents))
    ]


def transform(rows, metadata, form):
    out = io.StringIO(newline="")
    reporter = TransformReporter(rows, format=form, native_traces=False, memory_records=[])
    reporter.render(out, metadata, False, True, False)
    return out.getvalue() if form == "csv" else json.loads(out.getvalue())


def view(reader, method, options, merge):
    rows = list(getattr(reader, method)(merge_threads=merge, **options))
    out = {"summary": summary(rows), "table": table(rows, merge), "flamegraph": flamegraph(rows, merge)}
    if merge:
        for form in ("csv", "gprof2dot", "speedscope"):
            out[form] = transform(rows, reader.metadata, form)
    else:
        out["tree"] = tree(rows)
    return out


def ask(path):
    out = {"memray": memray.__version__, "views": {}, "errors": {}}
    stats(path, out)
    reader = memray.FileReader(path)
    out["series"] = [[s.time, s.rss, s.heap] for s in reader.get_memory_snapshots()]
    for name, (method, options) in VIEWS.items():
        try:
            out["views"][name] = {
                "merged": view(reader, method, options, True),
                "split": view(reader, method, options, False),
            }
        except Exception as error:
            out["errors"][name] = "%s: %s" % (type(error).__name__, error)
    return out


for path in sys.argv[1:]:
    with gzip.open(path + ".reports.json.gz", "wt") as f:
        json.dump(ask(path), f)
