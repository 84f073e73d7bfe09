"""Loads traces of runs with Perfetto's own trace processor: nothing lost or refused, arrows and counters there.

    python trace.py TRACE...
"""
import sys

from perfetto.trace_processor import TraceProcessor

failed = False
for path in sys.argv[1:]:
    try:
        processor = TraceProcessor(trace=path)
    except Exception as error:  # the library raises what curl and urllib do
        sys.exit(f"the trace processor of perfetto does not start ({error}); it is downloaded on its first use")
    problems = [
        f"{row.name}: {row.value}"
        for row in processor.query(
            "select name, value from stats where value > 0 and severity in ('error', 'data_loss')"
        )
    ]
    counts = {
        table: next(iter(processor.query(f"select count(*) as n from {table}"))).n
        for table in ("slice", "flow", "counter")
    }
    counters = sorted({row.name for row in processor.query("select distinct name from counter_track")})
    failed = failed or bool(problems) or 0 in counts.values()
    print(f"{path}: {counts}, counters {counters}, {problems or 'no error'}")
    processor.close()
sys.exit(1 if failed else 0)
