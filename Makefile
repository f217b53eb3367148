# Meridian. `make help` lists the targets.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test bench bench-peers bench-failover simulate build lint format clean

# npm writes this file at the end of an installation, so it is older than the lock when the lock has changed.
installed := node_modules/.package-lock.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: build ## three regions on this machine (WAN=1 adds the distances, LOG=etcd puts the log on three members of etcd)
	@$(if $(filter etcd,$(LOG)),node scripts/install-etcd.mjs)
	@exec node dist/src/local/main.js

demo: build ## a cluster of its own, real data, contended transfers, and a proof that the regions agree (WAN=1 too)
	@exec node dist/demo/main.js

test: $(installed) ## everything that must hold; STAGES="types unit" for a part
	@exec node scripts/run-tests.mjs $(STAGES)

# Options of both benchmarks; `node dist/bench/main.js --help` has more.
bench_options = $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(DATA),--data $(DATA))

bench: build ## commits, reads, hot counters, transfers of a local cluster in under 10 minutes (FULL=1, LOG=etcd; SECONDS, SCENARIO, DATA)
	@$(if $(filter etcd,$(LOG)),node scripts/install-etcd.mjs)
	@exec node dist/bench/main.js $(if $(FULL),--full) $(if $(filter etcd,$(LOG)),--with-etcd) $(bench_options)

bench-peers: build ## the same beside etcd and MariaDB Galera, in turns (root; QUICK=1 for a short form; SECONDS, SCENARIO, DATA)
	@scripts/install-peers.sh
	@exec node dist/bench/main.js --peers $(if $(QUICK),--quick) $(bench_options)

bench-failover: build ## how long commits stand still when the sequencer or etcd's leader dies, or hands over (RUNS, DATA)
	@node scripts/install-etcd.mjs
	@exec node dist/bench/failover/main.js $(if $(RUNS),--runs $(RUNS)) $(if $(DATA),--data $(DATA))

simulate: $(installed) ## the simulation over many seeds: SEEDS (how many) from FROM (the first)
	@SEEDS=$(or $(SEEDS),100) FROM=$(or $(FROM),1) exec node_modules/.bin/vitest run --project simulation test/simulation/seeds.test.ts

build: $(installed) ## compile into dist/
	@npm run --silent build

lint: $(installed) ## types, lint, formatting, imports, tidiness
	@node scripts/run-tests.mjs types lint imports tidy

format: $(installed) ## write every file in the one format
	@npm run --silent format

clean: ## remove what was built and installed; data/ stays
	@rm -rf dist coverage node_modules

$(installed): package-lock.json
	@echo 'installing…'
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && \
	  { npm ci --no-audit --no-fund >"$$log" 2>&1 || { cat "$$log" >&2; exit 1; }; }
	@touch $@
