# Targets with a "##" comment are listed by `make help`.
.DEFAULT_GOAL := help
.PHONY: help install build demo test lint format clean bench bench-peers card-figures main-table barrier-cost
.PHONY: paper-scale arithmetic-intensity arithmetic-intensity-real simulator-check profile-overhead report-check trace-check goldens goldens-tokens gsm8k families official-traces conformal-peers rejection-control calibrator-runs budget grade-reference
# Servers and harnesses of others, and ours under load.
.PHONY: vllm lm-eval serve-load serve-schemathesis
.PHONY: gpu-test gpu-bench gpu-logits gpu-demo gpu-profile
.PHONY: browser browser-test

ATTS := node dist/src/cli/main.js
# The reference implementation's records.
DATA ?= ../shared/data/reference
# Real checkpoints, and log-probabilities of an independent implementation.
MODELS ?= ../gguf
QWEN = $(MODELS)/Qwen2.5-Coder
GOLDENS ?= ../shared/models/goldens
# gsm8k_openai_test.jsonl and other problems.
MATH ?= ../shared/data/math

# A software adapter from Debian's chromium-common, unpacked without root where it is not installed.
SWIFTSHADER := $(firstword $(wildcard /usr/lib/chromium/libvk_swiftshader.so) runs/swiftshader/usr/lib/chromium/libvk_swiftshader.so)
SWIFTSHADER_FOLDER = $(abspath $(dir $(SWIFTSHADER)))
ON_SWIFTSHADER = LD_LIBRARY_PATH=$(SWIFTSHADER_FOLDER) VK_ICD_FILENAMES=$(SWIFTSHADER_FOLDER)/vk_swiftshader_icd.json XDG_RUNTIME_DIR=/tmp
# Another, which has shader-f16: Mesa's, 24 or later. It keeps what it has compiled in runs/lavapipe; nopt, which only it
# reads, halves the time that compiling takes.
LAVAPIPE := runs/lavapipe/icd.json
LAVAPIPE_FOLDER = $(abspath runs/lavapipe)
ON_LAVAPIPE = LD_LIBRARY_PATH=$(LAVAPIPE_FOLDER)/usr/lib/x86_64-linux-gnu VK_ICD_FILENAMES=$(abspath $(LAVAPIPE)) XDG_RUNTIME_DIR=/tmp \
  MESA_SHADER_CACHE_DIR=$(LAVAPIPE_FOLDER)
# ADAPTER=hardware is the machine's GPU; software (Chromium's SwiftShader) and lavapipe do without one.
ADAPTER ?=
ADAPTER_FILES = $(if $(filter lavapipe,$(ADAPTER)),$(LAVAPIPE),$(if $(filter hardware,$(ADAPTER)),,$(SWIFTSHADER)))
ON_ADAPTER = $(if $(filter lavapipe,$(ADAPTER)),$(ON_LAVAPIPE),$(if $(filter hardware,$(ADAPTER)),,$(ON_SWIFTSHADER)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# npm writes this file when node_modules is complete.
node_modules/.package-lock.json: package.json npm-shrinkwrap.json
	npm ci --no-fund --no-audit
	@touch $@

install: node_modules/.package-lock.json ## install the dependencies, if they have changed

build: install ## compile TypeScript and the WebAssembly kernels to dist/
	@npm run --silent build

BACKEND ?= auto
demo: build $(if $(ADAPTER),$(ADAPTER_FILES)) ## compare four methods on the embedded models (under a minute), report in runs/demo (BACKEND=webgpu; ADAPTER=software or lavapipe without a GPU)
	@rm -rf runs/demo
	$(if $(ADAPTER),$(ON_ADAPTER)) $(ATTS) compare --backend $(BACKEND) --policy replace --draft-tokens 32 --target-tokens 32 --calibration online \
	  --rejection-rate 0.4 --limit 24 --samples 8 --turns 15 --out runs/demo

test: build ## run all tests
	@npm test --silent

lint: install ## check format and style
	@npm run --silent lint

format: install ## format and fix what can be fixed
	@npm run --silent format

clean: ## remove what a build makes (runs/ stays)
	rm -rf dist

bench: build ## time every op against the limits of this machine (about five minutes)
	@$(ATTS) bench --out runs/bench.json

bench-peers: build ## the same, and other implementations beside it (about twelve minutes, and 1.4 GB on disk the first time)
	@test -d runs/peers/node_modules/@huggingface/transformers || npm install --prefix runs/peers --ignore-scripts --no-save --no-fund --no-audit \
	  node-llama-cpp@3.22.1 onnxruntime-node@1.30.0 onnxruntime-web@1.30.0 @jax-js/jax@0.1.25 @huggingface/transformers@4.3.1
	@$(ATTS) bench --peers runs/peers --out runs/bench-peers.json

runs/swiftshader/usr/lib/chromium/libvk_swiftshader.so:
	@mkdir -p runs/swiftshader
	@cd runs/swiftshader && apt-get download chromium-common && dpkg -x chromium-common_*.deb . && rm chromium-common_*.deb \
	  || { echo "no software adapter: it comes with Debian's chromium-common, which could not be had; ADAPTER=hardware takes a GPU" >&2; exit 1; }

$(LAVAPIPE):
	@sh test/gpu/lavapipe.sh $(dir $@)

gpu-test: build $(ADAPTER_FILES) ## test the WGSL kernels on a software adapter (about 4 minutes), with ADAPTER=lavapipe on one that has f16 (10 minutes, then 2), or ADAPTER=hardware
	@$(ON_ADAPTER) GALLIVM_PERF=nopt npx mocha --no-config --timeout 600000 'dist/test/gpu/*.test.js'

gpu-logits: build $(ADAPTER_FILES) ## logits of a real model on a software adapter, or ADAPTER=lavapipe or hardware (MODELS, GOLDENS=folders; about 3 minutes)
	@$(ON_ADAPTER) node dist/test/real/gpu-logits.js $(MODELS)/SmolLM2-135M-Instruct.Q4_1.gguf $(GOLDENS)/smollm2.json

gpu-bench: ADAPTER := $(or $(ADAPTER),hardware)
gpu-bench: build $(if $(ADAPTER),$(ADAPTER_FILES)) ## time the WGSL kernels and a model against the limits of the GPU (about 5 minutes), or within a time (4 minutes) on ADAPTER=software or lavapipe
	@$(ON_ADAPTER) $(ATTS) bench --backend webgpu --out runs/gpu-bench.json

browser: build ## build the page that runs the method in a browser, and serve it at http://127.0.0.1:8080 (PORT=8080)
	@node dist/experiments/browser/serve.js --port $(or $(PORT),8080)

browser-test: build ## the page in headless Chromium, on SIMD and on a software WebGPU, against Node (CHROMIUM=path; about a minute)
	@test -x $(CHROMIUM) || { echo "no $(CHROMIUM); give CHROMIUM=path" >&2; exit 1; }
	@node dist/experiments/browser/check.js --chromium $(CHROMIUM)

# Of the demo on webgpu.
PROBLEMS ?= 24
SAMPLES ?= 8
gpu-demo: ADAPTER := $(or $(ADAPTER),lavapipe)
gpu-demo: build $(if $(ADAPTER),$(ADAPTER_FILES),$(LAVAPIPE)) ## the demo on webgpu and on the CPU, chain by chain, PROBLEMS x SAMPLES (ten minutes of two idle cores on Mesa's software adapter), or ADAPTER=software or hardware
	@$(ON_ADAPTER) node dist/experiments/gpu-demo.js --problems $(PROBLEMS) --samples $(SAMPLES)

gpu-profile: ADAPTER := $(or $(ADAPTER),hardware)
gpu-profile: build $(if $(ADAPTER),$(ADAPTER_FILES)) ## bytes a verified token and passes against the roofs of the GPU, by dtype of the weights, or ADAPTER=software or lavapipe
	@$(ON_ADAPTER) node dist/experiments/gpu-profile.js

paper-scale: build ## the method at the paper's scale, simulated from spec sheets (about two minutes)
	node dist/experiments/paper-scale.js

arithmetic-intensity: build ## r and waiting against samples and turns, sync and async (about four minutes on two cores)
	node dist/experiments/arithmetic-intensity.js

arithmetic-intensity-real: build ## the same on a real pair, 1 to 64 samples and 1 to 16 turns (MODELS, MATH=folders; about 18 minutes on two cores)
	node dist/experiments/arithmetic-intensity.js --draft $(MODELS)/SmolLM2-135M-Instruct.Q4_1.gguf \
	  --target $(QWEN)-0.5B-Instruct.Q4.gguf --dataset gsm8k=$(MATH)/gsm8k_openai_test.jsonl --problems 1 --repeats 3 \
	  --samples 1,4,16,64 --turns 1,4,16 --at-samples 8 --at-turns 4 --out runs/arithmetic-intensity-real

simulator-check: build ## twelve recorded runs and what the simulator predicts, three times (about ten minutes on two cores)
	@rm -rf runs/simulator-check
	node dist/experiments/simulator-check.js

profile-overhead: build ## the same run with and without --profile, in turn (about two minutes)
	node dist/experiments/profile-overhead.js

runs/report-check/report.html: | build
	@$(ATTS) compare --profile --policy replace --limit 12 --samples 8 --out runs/report-check

CHROMIUM ?= /usr/bin/chromium
report-check: build runs/report-check/report.html ## a report in headless Chromium, at two widths, by axe-core (CHROMIUM=path; about a minute)
	@test -x $(CHROMIUM) || { echo "no $(CHROMIUM); give CHROMIUM=path" >&2; exit 1; }
	node dist/test/report/page-check.js runs/report-check --chromium $(CHROMIUM)

trace-check: build runs/report-check/report.html ## traces in Perfetto's own trace processor (needs python3; TRACE_PROCESSOR=path of its shell, or pip and a download the first time)
	@test -n "$(TRACE_PROCESSOR)" || test -x runs/peers/venv/bin/python || python3 -m venv runs/peers/venv
	@test -n "$(TRACE_PROCESSOR)" || runs/peers/venv/bin/pip install --quiet --disable-pip-version-check perfetto==0.59.1
	@TRACE_PROCESSOR="$(TRACE_PROCESSOR)" $(if $(TRACE_PROCESSOR),python3,runs/peers/venv/bin/python) experiments/peers/trace.py runs/report-check/*/trace.json

card-figures: build ## repeat the figures of models/abacus/README.md (about 4 minutes on two cores)
	node dist/experiments/card-figures.js

main-table: build ## methods x datasets, the paper's table (about 3 minutes on two cores)
	node dist/experiments/main-table.js experiments/main-table.json

barrier-cost: build ## what barriers cost: sync and async with equal decisions (about a minute on two cores)
	node dist/experiments/barrier-cost.js

serve-load: build ## 64 clients on atts serve for a minute, beside the engine driven directly (about 2 minutes)
	node dist/experiments/serve-load.js

serve-schemathesis: build ## requests made from the server's OpenAPI description (needs python3 and pip, about 2 minutes, and a download the first time)
	@test -x runs/peers/schemathesis/bin/python || python3 -m venv runs/peers/schemathesis
	@runs/peers/schemathesis/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
	node dist/experiments/serve-schemathesis.js runs/peers/schemathesis/bin/st

conformal-peers: build ## p-values and martingale against crepes and MAPIE (needs python3 and pip, about 20 s, and a download the first time)
	@test -x runs/peers/venv/bin/python || python3 -m venv runs/peers/venv
	@runs/peers/venv/bin/pip install --quiet --disable-pip-version-check -r experiments/peers/requirements.txt
	@runs/peers/venv/bin/python experiments/peers/conformal.py

.PHONY: tensorflow
tensorflow: build ## install TensorFlow for --backend tensorflow, test it, time it beside simd and wasm (Linux; about 4 minutes on two idle cores; 300 MB the first time)
	@experiments/peers/tensorflow.sh
	@BACKEND=tensorflow npx mocha --no-config --timeout 120000 dist/test/kernels/ops.test.js \
	  dist/test/kernels/attention.test.js dist/test/models/goldens.test.js
	$(ATTS) generate --model abacus-qwen3-2m --prompt 'Compute 12 + 7.' --max-tokens 64 --temperature 0 --backend tensorflow
	@node dist/experiments/backends.js --backends simd,wasm,tensorflow

goldens: build ## log-probabilities of four real .gguf files (MODELS=folder, GOLDENS=folder; about 3 minutes on two cores)
	node dist/test/real/goldens.js --models $(MODELS) --goldens $(GOLDENS)

GSM8K := --dataset gsm8k=$(MATH)/gsm8k_openai_test.jsonl --policy replace --temperature 0.7
gsm8k: build ## a real pair on 50 problems of GSM8K, four methods (MODELS, MATH=folders; about an hour on two cores)
	$(ATTS) compare --draft $(QWEN)-0.5B-Instruct.Q4.gguf --target $(QWEN)-1.5B-Instruct.Q4_K_M.gguf $(GSM8K) \
	  --prompt file:experiments/prompts/gsm8k-two-shot.json --limit 50 --samples 4 --turns 8 --concurrency 16 \
	  --calibration-problems 30 --calibration-samples 2 --memory 856 --out runs/gsm8k

families: build ## drafts and targets of three families and tokenizers, 2 x 2 (MODELS, MATH=folders; about 4 minutes on two cores)
	@for draft in SmolLM2-135M-Instruct.Q4_1 Qwen2.5-Coder-0.5B-Instruct.Q4; do \
	  for target in gemma-3-270m.Q4_K_M Qwen2.5-Coder-1.5B-Instruct.Q4_K_M; do \
	    echo "== $$draft drafts for $$target"; \
	    $(ATTS) run --draft $(MODELS)/$$draft.gguf --target $(MODELS)/$$target.gguf $(GSM8K) \
	      --prompt file:experiments/prompts/gsm8k-two-shot.txt --limit 4 --samples 2 --turns 6 \
	      --calibration-problems 4 --calibration-samples 2 --out runs/families/$$draft-$$target || exit 1; \
	  done; done

goldens-tokens: build ## ids and texts of four real .gguf files' tokenizers (MODELS=folder, GOLDENS=folder; seconds)
	MODELS=$(MODELS) GOLDENS=$(GOLDENS) npx mocha --no-config --timeout 60000 dist/test/real/tokens.test.js

official-traces: build ## reproduce the published facts of the reference implementation's traces (DATA=folder, seconds)
	node dist/experiments/official-traces.js --data $(DATA)

grade-reference: build ## our grader on the verdicts in DATA and the gold answers in MATH (folders; half a minute)
	@node dist/experiments/grading.js --reference $(DATA) --math $(MATH)

rejection-control: build ## every calibrator on the published traces in DATA, 100 shuffled orders (about 3 minutes)
	node dist/experiments/rejection-control.js --data $(DATA)

calibrator-runs: build ## every calibrator on the embedded models (about 4 minutes on two cores)
	node dist/experiments/rejection-control.js --run

budget: build ## the budget with and without a barrier on the embedded models (about a minute on two cores)
	node dist/experiments/budget.js

# The weights of a .gguf file in float32, which is what vLLM reads on the CPU; the exporter writes this file last.
runs/peers/%/generation_config.json: | build
	@test -f $(MODELS)/$*.gguf || { echo "no $(MODELS)/$*.gguf; give MODELS=folder" >&2; exit 1; }
	@node dist/experiments/peers/export-safetensors.js $(MODELS)/$*.gguf runs/peers/$*

VLLM := runs/peers/vllm
REAL_PAIR := SmolLM2-135M-Instruct.Q4_1 Qwen2.5-Coder-0.5B-Instruct.Q4
vllm: build $(REAL_PAIR:%=runs/peers/%/generation_config.json) ## two pairs on real vLLM servers, one of them real, and a crash in the middle (MODELS=folder; about 7 minutes, and 3 and 9 GB the first time)
	@sh experiments/peers/vllm.sh $(VLLM)
	@node dist/experiments/peers/vllm.js $(VLLM) $(MODELS) runs/peers $(REAL_PAIR)

lm-eval: build ## lm-evaluation-harness against atts serve and its own backend (a minute and a half, and 4 and 6 GB the first time)
	@sh experiments/peers/lm-eval.sh $(VLLM)
	@$(VLLM)/bin/python experiments/peers/lm-eval.py
