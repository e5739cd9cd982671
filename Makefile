# A fresh machine needs git, make, node and npm; everything else is fetched into the checkout.

# Bun is pinned by "packageManager" in package.json, the one place that names its version.
BUN_VERSION := $(shell sed -n 's/.*"packageManager": *"bun@\([0-9][0-9A-Za-z.-]*\)".*/\1/p' package.json)
BUN := .tools/bun-$(BUN_VERSION)/bun
INSTALLED := node_modules/.installed
PROGRAMS := dist/ctrl-exec dist/ctrl-exec-agent dist/ctrl-exec-api dist/update-ctrl-exec-serial

# Folders too: a deleted file shows only in its folder's time.
SOURCES := $(shell find src completions 2>/dev/null)

# Fetched packages stay in the checkout as well, so that no home folder, shared or read-only, matters.
export BUN_INSTALL_CACHE_DIR := $(CURDIR)/.tools/cache
# These would make the pinned Bun behave as somebody's shell says.
unexport BUN_OPTIONS BUN_BE_BUN BUN_INSPECT NODE_OPTIONS NODE_ENV

# Splitting keeps what a verb does not need out of its start: X.509 alone costs 20 ms.
# The binary runs as root in whatever folder it is called from, so it must read no .env, bunfig.toml,
# tsconfig.json or package.json there: a "preload" in one would be foreign code.
COMPILE := --compile --minify --bytecode --splitting --format=esm --reject-unresolved \
  --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --no-compile-autoload-tsconfig --no-compile-autoload-package-json

# Where --version says it comes from; not a reason to build again.
COMMIT := $(shell git describe --always --dirty --exclude='*' --abbrev=12 2>/dev/null)
COMPILE += $(if $(COMMIT),--define BUILD_COMMIT='"$(COMMIT)"')

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: build demo test test-unit test-cli test-install load soak fuzz mutate bench lint format typecheck generate release clean distclean help

build: $(PROGRAMS) ## Build dist/ctrl-exec and its three other names (the default)

demo: build ## Run the whole system on this machine, with nothing installed and nothing left behind
	dist/ctrl-exec demo

test: $(INSTALLED) ## Run everything a change must pass: format, lint, types, architecture, unit, end to end
	@sh test/prerequisites.sh
	@$(BUN) test/run.ts

test-unit: $(INSTALLED) ## Run the unit tests only
	@sh test/prerequisites.sh
	@$(BUN) test/run.ts unit

test-cli: $(INSTALLED) ## Build, then run the end-to-end tests only
	@sh test/prerequisites.sh
	@$(BUN) test/run.ts build cli

load: build ## Run 200 clients against ctrl-exec-api with a misbehaving fleet, then 500 detached runs on 50 agents, then 500 long results folded, then rollouts over 3,000 hosts
	@$(BUN) test/load/api.ts
	@$(BUN) test/load/runs.ts
	@$(BUN) test/load/folded.ts
	@ROLLOUT_HOSTS=3000 $(BUN) test --timeout=300000 ./test/end-to-end/api/rollout-scale.test.ts

test-install: build ## As root: install into Debian containers under systemd, with each shell, and use it there
	@sh test/install/run.sh

soak: build ## Load one agent with everything at once for two minutes and look for what is left over
	@$(BUN) test/soak/agent.ts

fuzz: build ## Feed every parser and port generated and mutated input for three minutes; prints its seed
	@$(BUN) test/fuzz/main.ts

mutate: $(INSTALLED) ## Change one thing in the sources at a time and list what no test notices; prints its seed
	@sh test/prerequisites.sh
	@$(BUN) test/mutate/main.ts

# BENCH_ONLY="processes growth" measures some sections and writes nothing.
bench: build ## Measure against SSH and the bare limit; write docs/PERFORMANCE.md
	@sh test/bench/prerequisites.sh
	@$(BUN) test/bench/main.ts $(BENCH_ONLY)

lint: $(INSTALLED) ## Check formatting, lint rules and the import direction
	@$(BUN) test/run.ts format lint architecture

format: $(INSTALLED) ## Rewrite the sources as the formatter and the safe lint fixes require
	$(BUN) node_modules/@biomejs/biome/bin/biome check --write .

typecheck: $(INSTALLED) ## Check the types
	@$(BUN) test/run.ts types

generate: $(INSTALLED) ## Rewrite the files that are generated from the command tables and the schemas
	@$(BUN) .ci/generate.ts

release: $(INSTALLED) ## Build every platform's binary, checksums (RELEASE_KEY=<file> signs them) and bill of materials into dist/release
	@RELEASE_KEY='$(RELEASE_KEY)' $(BUN) .ci/release.ts '$(COMMIT)' $(COMPILE)

clean: ## Remove what the build created
	rm -rf dist coverage

distclean: clean ## Remove everything that was downloaded as well
	rm -rf node_modules .tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

$(BUN):
	@sh .ci/bootstrap-bun.sh

# flock, where there is one, keeps two makes at once from installing over each other.
$(INSTALLED): package.json bun.lock | $(BUN)
	@$(if $(shell command -v flock),flock .tools) $(BUN) install --frozen-lockfile --ignore-scripts --no-progress
	@touch $@

# Built aside and renamed: who runs the old binary keeps it, and a broken build leaves no new one.
dist/ctrl-exec: $(SOURCES) .ci/runtime.ts package.json tsconfig.json Makefile $(INSTALLED)
	@build=dist/build.$$$$ && rm -rf "$$build" && mkdir -p "$$build" && trap 'rm -rf "$$build"' EXIT && \
	$(BUN) .ci/runtime.ts "$$build/runtime" && \
	$(BUN) build $(COMPILE) --compile-executable-path="$$build/runtime" --outfile "$$build/ctrl-exec" src/main.ts && \
	touch "$$build/ctrl-exec" && mv -f "$$build/ctrl-exec" $@

# Relative links, so that dist can be moved. The program looks at the name it is called by.
dist/ctrl-exec-agent dist/ctrl-exec-api dist/update-ctrl-exec-serial: | dist/ctrl-exec
	@ln -sf ctrl-exec $@
