# Targets with a "##" comment are listed by `make help`.
.DEFAULT_GOAL := help
.PHONY: help install build demo test lint format clean bench card-figures main-table barrier-cost \
  rejection-control calibrator-runs budget

ATTS := node dist/src/cli/main.js

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# npm writes this file when node_modules is complete.
node_modules/.package-lock.json: package.json npm-shrinkwrap.json
	npm ci --no-fund --no-audit
	@touch $@

install: node_modules/.package-lock.json ## install the dependencies, if they have changed

build: install ## compile TypeScript and the WebAssembly kernels to dist/
	@npm run --silent build

demo: build ## compare four methods on the embedded models (about a minute), report in runs/demo
	@rm -rf runs/demo
	$(ATTS) compare --policy replace --draft-tokens 32 --target-tokens 32 --calibration online \
	  --rejection-rate 0.4 --limit 24 --samples 8 --turns 15 --out runs/demo

test: build ## run all tests
	@npm test --silent

lint: install ## check format and style
	@npm run --silent lint

format: install ## format and fix what can be fixed
	@npm run --silent format

clean: ## remove what a build makes (runs/ stays)
	rm -rf dist

bench: build ## time every op against the limits of this machine (about two minutes)
	@$(ATTS) bench --out runs/bench.json

card-figures: build ## repeat the figures of models/abacus/README.md (about 4 minutes on two cores)
	node dist/experiments/card-figures.js

main-table: build ## methods x datasets, the paper's table (about 3 minutes on two cores)
	node dist/experiments/main-table.js experiments/main-table.json

barrier-cost: build ## what barriers cost: sync and async with equal decisions (about a minute on two cores)
	node dist/experiments/barrier-cost.js

DATA ?= ../shared/data/reference

rejection-control: build ## every calibrator on the published traces in DATA, 100 shuffled orders (about 3 minutes)
	node dist/experiments/rejection-control.js --data $(DATA)

calibrator-runs: build ## every calibrator on the embedded models (about 4 minutes on two cores)
	node dist/experiments/rejection-control.js --run

budget: build ## the budget with and without a barrier on the embedded models (about a minute on two cores)
	node dist/experiments/budget.js
