# `make` prints what there is. Everything that is built or fetched goes to bin/, .cache/ and data/.
SHELL   := /bin/bash
MODULES := record schemas pipelines services cli e2e
BIN     := bin
DATA    ?= data
export CASETRAIL_CACHE ?= $(CURDIR)/.cache

.DEFAULT_GOAL := help
.PHONY: help build up down clean test simulate drift-report torture mutants bench train eval lint fmt gen images

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r t d; do printf '  make %-12s %s\n' "$$t" "$$d"; done

build: ## the casetrail command and the services, in bin/
	@command -v go >/dev/null || { echo "make: Go is missing; install Go 1.26 or later and try again" >&2; exit 1; }
	@echo "▸ building (a minute or two the first time)"
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 go build -o $(BIN)/ ./cli ./services/intake ./services/router ./services/record-signer ./services/aggregator ./services/clickhouse-sink ./record/cmd/verify
	@mv $(BIN)/cli $(BIN)/casetrail

up: build ## the whole pipeline on this machine, with conversations flowing (ARGS=--once ends after the report)
	@$(BIN)/casetrail up --data $(DATA) $(ARGS)

down: ## stop what `make up` started
	@if [ -x $(BIN)/casetrail ]; then $(BIN)/casetrail down --data $(DATA); else echo "nothing is running"; fi

clean: down ## forget the data and what was built
	@rm -rf $(DATA) $(BIN)

test: ## every test that can run here; says what it leaves out and why (CI=true: nothing may be left out)
	@go run ./e2e/cmd/test $(ARGS)

simulate: ## plays the whole against everything that goes wrong, by seeds (SEEDS=10000 FROM=0)
	@go run ./e2e/cmd/simulate -seeds $(or $(SEEDS),10000) -from $(or $(FROM),0)

drift-report: ## how soon drift is found, by what, and at what price: writes docs/drift.md (RUNS=100 YEARS=25 SEED=1)
	@go run ./e2e/cmd/driftreport -runs $(or $(RUNS),100) -years $(or $(YEARS),25) -seed $(or $(SEED),1)

torture: ## kills, freezes and cuts off whatever there is, and writes docs/reliability.md (KILLS=1000; ONLY=kills,late SEED=7)
	@go run ./e2e/cmd/torture $(if $(KILLS),-kills $(KILLS)) $(if $(ONLY),-only $(ONLY)) $(if $(SEED),-seed $(SEED))

mutants: ## takes one guarantee out at a time: the tests must notice each
	@go run ./e2e/cmd/mutants

bench: build ## events a second, CPU by stage, latency, sign and verify; on the embedded stack and on Apache Kafka
	@go run ./e2e/cmd/bench $(ARGS)

train: ## train the classifier again (DATASET=folder with the labelled files)
	@go run ./services/intake/classify/train -data $(or $(DATASET),../shared/data)

eval: ## measure the classifier on held-out sources: each is left out of training and judged (DATASET=folder with the labelled files)
	@go run ./services/intake/classify/train -holdout -data $(or $(DATASET),../shared/data)

lint: ## golangci-lint over all modules
	@mkdir -p $(CASETRAIL_CACHE)/bin
	@test -x $(CASETRAIL_CACHE)/bin/golangci-lint || GOBIN=$(CASETRAIL_CACHE)/bin GOWORK=off go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@$(CASETRAIL_CACHE)/bin/golangci-lint run $(addsuffix /...,$(addprefix ./,$(MODULES)))

fmt: ## gofmt
	@gofmt -l -w $(MODULES)

gen: ## Go code from the schemas
	@cd schemas && go generate ./...

images: ## one container image a service, and one of the casetrail command
	@for s in casetrail intake router record-signer aggregator clickhouse-sink; do docker build --build-arg SERVICE=$$s -t casetrail/$$s . || exit 1; done

include pipelines/compose/secrets.mk
