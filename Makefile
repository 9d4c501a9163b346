# The verbs of the project. `make help` lists them; the README tells what a newcomer does.

SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build test test-build trials fuzz demo demo-shell bench lint format snapshots manuals clean install-deps help soak explore chaos coverage sanitize check mutations

# An import that Package.swift does not declare stops the build, so that the map stays true.
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# The runtime is linked in, and only what is used of it; lld does not warn of what the runtime itself refers to.
RELEASE_FLAGS := $(SWIFT_FLAGS) -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker --gc-sections

## build: release binaries in .build/release (the Swift runtime is linked in)
build: install-deps
	swift build $(RELEASE_FLAGS)
	@echo "built: .build/release/hawser .build/release/hawserd .build/release/hawser-simulator"

## test: builds and runs all tests; those that need root say so when they are left out
test: install-deps test-build trials
	Tests/Support/python-clients.sh
	HAWSER_TRIALS=$(CURDIR)/.build/release/hawser-trials Tests/Support/run-tests.sh $(SWIFT_FLAGS)

# The simulated worlds of the tests are run as they are optimized: that is ten times as many.
trials:
	swift build $(RELEASE_FLAGS) --product hawser-trials

test-build:
	swift build --build-tests $(SWIFT_FLAGS)

# How long each target is looked at, and which; all when empty. `ls Tests/Fuzzing/corpus` names them.
SECONDS := 20
TARGETS :=

## fuzz: looks for inputs that break what reads them, by libFuzzer; SECONDS=120 for each target, TARGETS=manifests for one
fuzz: install-deps
	HAWSER_FUZZING=1 swift build $(SWIFT_FLAGS) -c release --scratch-path .build/fuzzing --product hawser-fuzz
	Tests/Support/fuzz.sh $(SECONDS) $(TARGETS)

# Which NBD server the demo runs with: nbdkit, nbd-server or nbd-server-daemon.
NBD := nbdkit

# What the demo's store lies in: sqlite or mariadb.
STORE := sqlite

# How many worlds each deliberate bug is looked for in.
WORLDS := 4000

## mutations: plants deliberate bugs, and looks whether the simulated worlds find each; writes docs/mutations.md
mutations: install-deps
	Tests/Mutations/run.sh --worlds $(WORLDS) --table docs/mutations.md

## demo: the main job on real parts, in front of you, in under two minutes after the build; NBD=nbd-server or STORE=mariadb chooses that
demo: build
	.build/release/hawser-demo --nbd $(NBD) --store $(STORE)

## demo-shell: everything of the demo running, and a shell with hawser on the PATH
demo-shell: build
	.build/release/hawser-demo --shell --nbd $(NBD) --store $(STORE)

# Which benchmarks run; all when empty. `hawser-bench --list` names them.
ONLY :=

## bench: measures Hawser and, in the same run, others; prints measured beside target; ONLY=NAME for one of them
bench: build
	deploy/install-deps.sh --bench
	Tests/Support/python-clients.sh
	.build/release/hawser-bench --json=.build/bench.json $(addprefix --only ,$(ONLY))
	@echo "written: .build/bench.json"

# For how long.
MINUTES := 20
TRIALS := .build/release/hawser-trials

## soak: simulated worlds from fresh seeds, on all processors; MINUTES=60 for how long
soak: install-deps
	swift build $(RELEASE_FLAGS) --product hawser-trials
	$(TRIALS) --for $(MINUTES)m

## explore: deaths at every call, once and twice; then one and two interferences at every point; MINUTES=60 for how long
explore: install-deps
	swift build $(RELEASE_FLAGS) --product hawser-trials
	$(TRIALS) --crashes
	$(TRIALS) --crashes --stride 5 --twice 15 --quiet 2m
	$(TRIALS) --explore --for $(MINUTES)m

# The same acts once more: the number that a run has printed.
SEED :=

## chaos: hawserd, simulator and NBD server under load, stopped, killed and lied to for 10 minutes; MINUTES=60, SEED=N, NBD=KIND
chaos: MINUTES := 10
chaos: build
	.build/release/hawser-chaos --minutes $(MINUTES) --nbd $(NBD) --logs .build/chaos $(addprefix --seed ,$(SEED))

## sanitize: the tests of all modules under ThreadSanitizer and AddressSanitizer
sanitize: install-deps
	Tests/Support/sanitize.sh thread $(SWIFT_FLAGS)
	Tests/Support/sanitize.sh address $(SWIFT_FLAGS)

## coverage: which lines of the controller's core the simulated worlds never run; WORLDS=2000 for how many
coverage: install-deps
	Tests/Support/coverage.sh $(WORLDS)

## check: sanitize, and then some minutes each of soak, mutations, fuzz and chaos: within 45 minutes on two cores
check: sanitize
	$(MAKE) soak MINUTES=3
	Tests/Mutations/run.sh --worlds 300 $$(ls Tests/Mutations/bugs | sed 's/\.bug$$//' | shuf -n 12)
	$(MAKE) fuzz SECONDS=15
	$(MAKE) chaos MINUTES=3

## lint: formatting, the rules of the tree, and the form of scripts and data files
lint: install-deps
	deploy/lint.sh

## format: puts every Swift file into the project's form
format:
	swift format -i --configuration .swift-format -r Sources Tests Package.swift

## snapshots: writes the snapshots of all help texts anew; look at the change before you commit it
snapshots: test-build
	HAWSER_RENEW_SNAPSHOTS=1 swift test --skip-build $(SWIFT_FLAGS) --filter HelpSnapshotTests

## manuals: manual pages into .build/man, and the shells' completion scripts into .build/completions
manuals: build
	rm -rf .build/man .build/completions
	mkdir -p .build/completions
	.build/release/hawser man --directory .build/man/man1
	.build/release/hawser completion bash > .build/completions/hawser
	.build/release/hawser completion zsh > .build/completions/_hawser
	.build/release/hawser completion fish > .build/completions/hawser.fish
	@echo "written: .build/man/man1 .build/completions"

## clean: removes what was built
clean:
	rm -rf .build

## install-deps: installs the Debian packages that are missing, and says which
install-deps:
	@deploy/install-deps.sh

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' Makefile | while IFS=$$'\t' read -r verb text; do printf '  make %-14s %s\n' "$$verb" "$$text"; done
