"""Loads traces of runs with Perfetto's own trace processor: no complaint, and every slice, arrow and counter as written.

    python trace.py TRACE...

TRACE_PROCESSOR is the path of a trace_processor_shell; without it the library perfetto downloads one on its first use.
"""
import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter

SQL = """
with s as (
  select slice.id, process.name as process, thread.name as thread, slice.name, ts, dur
  from slice join thread_track on track_id = thread_track.id join thread using (utid) join process using (upid)
)
select 'problem' as kind, name as a, '' as b, '' as c, value as d, '' as e from stats
where value > 0 and severity in ('error', 'data_loss')
union all select 'slices', process, thread, name, ts, dur from s
union all select 'arrows', o.process, o.thread, o.name || ' → ' || i.name, o.ts, i.ts
from flow join s as o on slice_out = o.id join s as i on slice_in = i.id
union all select 'counters', process.name, '', track.name, ts, format('%!.17g', value)
from counter join process_counter_track as track on track_id = track.id join process using (upid)
union all select 'rows', '', '', '', (select count(*) from slice), (select count(*) from flow) + (select count(*) from counter)
"""
CHATTER = re.compile(r"^$|Loading trace:|Trace loaded:|column \d+ = |Query execution time:")


def digits(value):
    """The processor's reader of numbers may be off by their last bit."""
    return f"{float(value):.9g}"


def written(path):
    """What the file says, in the form of the query's rows: times in nanoseconds."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    names = {(e["name"], e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["name"].endswith("_name")}
    process = {e["pid"]: names["process_name", e["pid"], None] for e in events}
    slices = [e for e in events if e["ph"] == "X"]
    tracks = {}
    for e in slices:
        tracks.setdefault((e["pid"], e["tid"]), []).append(e)

    def start(arrow):
        """Of the slice around one end of an arrow."""
        own = tracks.get((arrow["pid"], arrow["tid"]), [])
        return next((e["ts"] * 1000 for e in own if e["ts"] <= arrow["ts"] < e["ts"] + e["dur"]), None)

    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    thread = lambda e: (process[e["pid"]], names["thread_name", e["pid"], e["tid"]])
    return {
        "slices": Counter((*thread(e), e["name"], e["ts"] * 1000, e["dur"] * 1000) for e in slices),
        "arrows": Counter((*thread(e), e["name"], start(e), start(ends[e["id"]])) for e in events if e["ph"] == "s"),
        "counters": Counter(
            (process[e["pid"]], "", f"{e['name']} {key}", e["ts"] * 1000, digits(value))
            for e in events
            if e["ph"] == "C"
            for key, value in e["args"].items()
        ),
    }


def loaded(processor, path):
    """What the trace processor made of the file, and what it complains of."""
    run = subprocess.run([processor, "-Q", SQL, path], capture_output=True, encoding="utf-8")
    problems = [line for line in re.split(r"[\r\n]+", run.stderr) if not CHATTER.search(line)]
    found = {"slices": Counter(), "arrows": Counter(), "counters": Counter()}
    for kind, a, b, c, d, e in list(csv.reader(run.stdout.splitlines()))[1:]:
        if kind == "problem":
            problems.append(f"{a}: {d}")
        elif kind == "rows":
            counted = [found["slices"].total(), found["arrows"].total() + found["counters"].total()]
            if counted != [int(d), int(e)]:
                problems.append(f"{d} slices and {e} arrows and counters, of which {counted} have a track of a process")
        else:
            found[kind][a, b, c, int(d), digits(e) if kind == "counters" else int(e)] += 1
    if run.returncode:
        problems.append(f"exit status {run.returncode}")
    return found, problems


processor = os.environ.get("TRACE_PROCESSOR")
if not processor:
    from perfetto.trace_processor.platform import PlatformDelegate

    try:
        processor = PlatformDelegate().get_shell_path(None)
    except Exception as error:  # what curl and urllib raise
        sys.exit(f"no trace processor ({error}): give TRACE_PROCESSOR=path of a trace_processor_shell")
print(subprocess.run([processor, "--version"], capture_output=True, encoding="utf-8").stdout.splitlines()[0])
failed = False
for path in sys.argv[1:]:
    want, (found, problems) = written(path), loaded(processor, path)
    agreed = ", ".join(f"{(want[kind] & found[kind]).total()} of {want[kind].total()} {kind}" for kind in want)
    failed = failed or bool(problems) or want != found
    print(f"{path}: {agreed}, {'; '.join(problems) or 'no warning'}")
sys.exit(1 if failed else 0)
