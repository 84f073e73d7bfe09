"""lm-evaluation-harness against `atts serve`, and its own backend on the same checkpoint: the same numbers.

make lm-eval    (or: python experiments/peers/lm-eval.py [MODEL] [PROBLEMS], with lm-eval installed, after the build)

Fails where a log-likelihood differs by more than 1e-2 nats, a greedy flag or a metric differs. Writes runs/lm-eval.
"""

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

os.environ.update({"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})

import lm_eval  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

FOLDER = Path("runs/lm-eval")
TASK = "abacus_choice"
LARGEST_DIFFERENCE = 1e-2


def write_problems(count):
    """Each problem, solved up to the result of its last step, and that result among three numbers near it."""
    lines = []
    for i, line in enumerate(Path("models/abacus/problems/test.jsonl").read_text().splitlines()[:count]):
        problem = json.loads(line)
        steps, result = re.fullmatch(r"(.*=) (-?\d+)\.\n\nThe answer is .*", problem["solution"], re.DOTALL).groups()
        choices = [int(result) + 1, int(result) - 1, int(result) + 10]
        choices.insert(i % 4, int(result))
        turns = f"<|im_start|>user\n{problem['problem']}<|im_end|>\n<|im_start|>assistant\n"
        row = {"context": turns + steps, "choices": [f"{choice}." for choice in choices], "gold": i % 4}
        lines.append(json.dumps(row))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "abacus.jsonl").write_text("\n".join(lines) + "\n")


def evaluate(model, arguments):
    begun = time.perf_counter()
    results = lm_eval.simple_evaluate(
        model=model,
        model_args=arguments,
        tasks=[TASK],
        task_manager=TaskManager(include_path="experiments/peers", include_defaults=False),
        bootstrap_iters=0,
    )
    return results, time.perf_counter() - begun


def requests_of(results):
    """(log-likelihood, whether greedy decoding would write it) of every continuation."""
    samples = sorted(results["samples"][TASK], key=lambda sample: sample["doc_id"])
    return [tuple(response[0]) for sample in samples for response in sample["resps"]]


def serve(model):
    """The process, and its address once it listens."""
    command = ["node", "dist/src/cli/main.js", "serve", "--model", model, "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = ""
    for line in server.stdout:
        text += line
        try:
            return server, json.loads(text)["url"]
        except json.JSONDecodeError:
            continue
    raise SystemExit("atts serve did not start")


def main():
    model = sys.argv[1] if len(sys.argv) > 1 else "models/abacus/abacus-qwen3-2m"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    write_problems(count)
    own, own_seconds = evaluate("hf", {"pretrained": model, "dtype": "float32", "device": "cpu", "batch_size": 16})
    server, url = serve(model)
    try:
        served, seconds = evaluate(
            "local-completions",
            {
                "base_url": f"{url}/v1/completions",
                "model": Path(model).name,
                "tokenizer_backend": "huggingface",
                "tokenizer": model,
                "num_concurrent": 8,
                "max_length": 512,
            },
        )
    finally:
        server.terminate()
        server.wait()
    ours, theirs = requests_of(served), requests_of(own)
    differences = [abs(a[0] - b[0]) for a, b in zip(ours, theirs, strict=True)]
    flags = sum(a[1] != b[1] for a, b in zip(ours, theirs, strict=True))
    metrics = [name for name in served["results"][TASK] if name.split(",")[0] in ("acc", "acc_norm")]
    print(f"| {Path(model).name}, {len(ours)} continuations | hf | atts serve |")
    print("|---|--:|--:|")
    for name in metrics:
        print(f"| {name.split(',')[0]} | {own['results'][TASK][name]:.4f} | {served['results'][TASK][name]:.4f} |")
    print(f"| seconds | {own_seconds:.1f} | {seconds:.1f} |")
    print(f"largest difference of a log-likelihood {max(differences):.1e} nats, mean {sum(differences) / len(differences):.1e}")
    print(f"greedy flags that differ {flags}")
    same = all(own["results"][TASK][name] == served["results"][TASK][name] for name in metrics)
    if max(differences) > LARGEST_DIFFERENCE or flags or not same:
        raise SystemExit("the numbers differ")


if __name__ == "__main__":
    main()
