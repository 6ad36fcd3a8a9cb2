"""The protocol and the timing that the peer programs share.

A peer is started with the number of threads, says what it is in one line, then answers each request on its input with one line on its
output, as `anther-bench serve` does. Timing is the same too: blocks of at least 20 ms, clean if this process's threads hardly waited
for a CPU.
"""
import glob
import json
import sys
import time

BLOCK, WAITING, SAMPLE, LONG, MOST = 0.02, 0.04, 1e-3, 0.3, 200


def run_delay():
    """Nanoseconds that threads of this process were ready to run without running; None off Linux."""
    total, seen = 0, False
    for path in glob.glob("/proc/self/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[1])
            seen = True
        except (OSError, IndexError, ValueError):
            pass
    return total if seen else None


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure(call, threads, budget, wait, fewest):
    """Seconds a call, and whether too few of the samples were clean."""
    one = seconds(call)
    if one <= LONG:
        one = seconds(call)
    inner = int(min(max(SAMPLE / max(one, 1e-9), 1), 1e6))

    def repeated():
        for _ in range(inner):
            call()

    clean, every, begin = [], [], time.perf_counter()
    while True:
        block, before, samples = time.perf_counter(), run_delay(), []
        while not samples or (time.perf_counter() - block < BLOCK and len(samples) < MOST):
            samples.append(seconds(repeated) / inner)
        wall, after = time.perf_counter() - block, run_delay()
        every += samples
        if before is None or after is None or after - before < WAITING * wall * 1e9 * threads:
            clean += samples
        else:
            time.sleep(BLOCK)
        enough = len(clean) >= fewest and (sum(clean) * inner >= budget or len(clean) >= MOST)
        if enough or (time.perf_counter() - begin > wait and len(every) >= fewest):
            break
    noisy = len(clean) < fewest
    return (every if noisy else clean), noisy


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak_rss_bytes():
    try:
        with open("/proc/self/status") as file:
            lines = [line for line in file if line.startswith("VmHWM:")]
        return int(lines[0].split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        return 0


def serve(name, version, threads, cases):
    """`cases` maps names to functions that build the inputs and return the call."""
    print(json.dumps({"peer": name, "version": version, "cases": sorted(cases)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        case = request["case"]
        if case not in cases:
            print(json.dumps({"case": case, "error": "there is no such case"}), flush=True)
            continue
        reset_peak()
        try:
            call = cases[case]()
            samples, noisy = measure(
                call, threads, request.get("seconds", 0.5), request.get("wait", 8.0), request.get("fewest", 5)
            )
            call = None
            answer = {"samples_ms": [round(s * 1e3, 6) for s in samples], "noisy": noisy, "peak_rss_bytes": peak_rss_bytes()}
        except Exception as error:
            answer = {"error": " ".join(str(error).split())[:200]}
        print(json.dumps({"case": case, **answer}), flush=True)


GEMM = [
    (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (4096, 768, 768), (4096, 3072, 768), (4096, 768, 3072),
    (4096, 32000, 256), (1, 768, 768),
]
BATCHED = [(96, 256, 256, 64), (256, 128, 128, 32)]
ATTENTION = [(8, 8, 512, 64), (1, 8, 4096, 64)]
MECHANISM = (1, 8, 1024, 64)
GPT = dict(layers=6, width=384, heads=6, hidden=1536, context=256, batch=8, vocabulary=8192)
ENCODER_DECODER = dict(layers=3, width=256, heads=8, hidden=1024, length=64, batch=32, vocabulary=8000)
VIT = dict(layers=6, width=192, heads=3, hidden=768, patch=4, side=32, batch=64, classes=10)
PROMPT, GENERATED = 16, 224
