# Meridian. `make help` lists the targets.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test bench simulate build lint format clean

# npm writes this file at the end of an installation, so it is older than the lock when the lock has changed.
installed := node_modules/.package-lock.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: build ## three regions on this machine (WAN=1 adds the distances between them)
	@exec node dist/src/local/main.js

demo: build ## a cluster of its own, real data, contended transfers, and a proof that the regions agree (WAN=1 too)
	@exec node dist/demo/main.js

test: $(installed) ## everything that must hold; STAGES="types unit" for a part
	@exec node scripts/run-tests.mjs $(STAGES)

bench: build ## commits and reads over HTTP at 1, 16 and 64 clients, with a table at the end (WAN=1 too)
	@exec node_modules/.bin/tsx bench/main.ts

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
