# keepcurrent: what a person needs. `make` alone lists it.
.DEFAULT_GOAL := help

# The race detector needs a C compiler on Linux; without one the tests run bare.
RACE = $(shell command -v "$$(go env CC 2>/dev/null)" >/dev/null && echo -race || echo "")
# As lambdatest.Build compiles them for the tests, but for Lambda's arm64.
LAMBDA := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -buildvcs=false -trimpath -tags lambda.norpc -ldflags='-s -w -buildid='
# The versions are in that file. https://go.dev/doc/modules/managing-dependencies#tools
TOOL := go tool -modfile=internal/cmd/tools/go.mod

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# go says nothing while it compiles, which takes minutes the first time. A terminal sees a
# counter, a file one line for each hundred. An error comes again from the command behind.
PROGRESS = 2>&1 | { n=0; while read -r package; do n=$$((n + 1)); \
	if [ -t 2 ]; then printf '\rpackages downloaded or compiled: %d' $$n; elif [ $$((n % 100)) = 0 ]; then echo "packages downloaded or compiled: $$n"; fi; done; \
	if [ $$n -gt 0 ] && [ -t 2 ]; then echo; elif [ $$((n % 100)) -gt 0 ]; then echo "packages downloaded or compiled: $$n"; fi; } >&2

demo: ## watch a credential rotate, a webhook get lost, a consumer call and a slow writer lose
	$(GO)
	@go build -v -o /dev/null ./internal/cmd/demo $(PROGRESS)
	@go run ./internal/cmd/demo

# In CI a test that fails is run again, twice at most, and said: some wait for processes
# that a busy machine can keep for too long. All of it is run, because parts of one test may
# share their work; and many parts that fail may be one test.
AGAIN = $(if $(CI),--rerun-fails=2 --rerun-fails-max-failures=40 --rerun-fails-run-root-test)

# Not cached: the end-to-end tests compile the functions, which go test cannot know.
TEST = $(TOOL) gotestsum --format pkgname --format-hide-empty-pkg $(AGAIN) --packages
# These test programs that they compile as for a deployment, pages and templates. The race
# detector would see only test servers, which the other tests use too, and take twice the time.
BARE = internal/test/(docs|e2e|template)$$

test: ## run all tests, in two halves, and list what was skipped at the end of each
	$(GO)
	@[ -n "$(RACE)" ] || echo "no C compiler: testing without the race detector"
	@go build -v -o /dev/null $(RACE) ./... $(PROGRESS)
	$(TEST) "$$(go list ./... | grep -Ev '$(BARE)')" -- $(RACE) -count=1 -timeout 30m
	$(TEST) "$$(go list ./... | grep -E '$(BARE)')" -- -count=1 -timeout 30m

# TIME and NUMBER refuse nonsense before anything starts.
TIME = @printf %s "$$FOR" | grep -Eqx '([0-9]+(\.[0-9]+)?(ms|s|m|h))+' || { echo "FOR=$$FOR is no time: say FOR=30s, FOR=10m or FOR=2h" >&2; exit 2; }
NUMBER = @printf %s "$$N" | grep -Eqx '[1-9][0-9]{0,5}' || { echo "N=$$N is no number of times: say N=20" >&2; exit 2; }

soak: export FOR ?= 10m
soak: ## play random histories against the core, for FOR=10m or as long as you say
	$(GO)
	$(TIME)
	cd internal/reconcile && go test -count=1 -timeout 0 -run 'TestSoak$$' -sim.soak "$$FOR"

load: export FOR ?= 60s
load: ## 500 requests a second into one compiled webhook, for FOR=60s or as long as you say
	$(GO)
	$(TIME)
	go test -v -count=1 -timeout 0 -run 'TestLoad$$' ./internal/test/e2e -load "$$FOR"

proof: export N ?= 20
proof: ## rotate under programs of every kind, and beside other ways to read the secret, N=20 times or as often as you say
	$(GO)
	$(NUMBER)
	go test -v -count=1 -timeout 0 -p 1 -run 'TestProof$$' ./internal/test/e2e ./consumer -proof "$$N"

bench: ## measure how fast it is, beside what people use, and write docs/performance.md (about 8 minutes)
	$(GO)
	@go run ./internal/cmd/bench -write

fuzz: export FOR ?= 30s
fuzz: ## fuzz every target, for FOR=30s each or as long as you say
	$(GO)
	$(TIME)
	@set -e; for package in ./functions/webhook ./functions/poller ./internal/connection ./internal/reconcile ./internal/heroku; do \
		targets=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			go test -run XXX -fuzz "^$$target\$$" -fuzztime "$$FOR" -fuzzminimizetime 500x $$package; \
		done; \
	done

# Not ST1005 and ST1012: an error may begin with a name (Heroku), and may be called
# what it is in a table of tests.
lint: ## gofmt, go vet, staticcheck, actionlint, and cfn-lint where it is installed
	$(GO)
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./... && cd internal/test/programs && go vet ./...
	$(TOOL) staticcheck -checks inherit,-ST1005,-ST1012 ./...
	$(TOOL) actionlint .github/workflows/*.yml
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml; else echo "cfn-lint is not installed: template.yaml not checked"; fi

vulncheck: ## look for known vulnerabilities that the code reaches (asks vuln.go.dev)
	$(GO)
	$(TOOL) govulncheck ./...

# What make is told is in the environment too, where no shell reads it as code.
NEED = @command -v $(1) >/dev/null || { echo "$(1) is not installed: $(2)" >&2; exit 2; }
GO = $(call NEED,go,https://go.dev/dl/)
STACKCMD = @go build -o build/stack ./internal/cmd/stack && KEEPCURRENT_UNDER_MAKE="$(MAKE_COMMAND)" build/stack
# A misspelt STAK=prod would be another stack, unsaid.
TAKES = $(foreach v,$(.VARIABLES),$(if $(findstring command line,$(origin $v)),$(if $(filter-out $(1),$v),$(error make $@ does not know $v: it takes $(1)))))
GIVEN = $(if $(filter undefined,$(origin STACK)),,STACK="$$STACK")

# make itself ends with 2 whatever fails. A script runs build/status STACK=name: it ends with
# 1 if something needs you, and with 2 if it could not ask.
status: ## say how every secret is: of the stack STACK=name, or of one that is made up; ALL=1 lists all
	$(GO)
	$(call TAKES,STACK ALL)
	@go build -o build/status ./internal/cmd/status
	@build/status $(or $(GIVEN),-local) $(if $(ALL),-all)

subscribe: ## make or repair the webhook of a Heroku app, with your own Heroku login: APP=name, STACK=name
	$(GO)
	$(STACKCMD) subscribe APP="$$APP" $(GIVEN)

unsubscribe: ## remove our webhook from an app that no secret names any more: APP=name, STACK=name
	$(GO)
	$(STACKCMD) unsubscribe APP="$$APP" $(GIVEN)

build: ## compile both functions for Lambda into build/
	$(GO)
	@$(LAMBDA) -v -o /dev/null ./functions/webhook ./functions/poller $(PROGRESS)
	$(LAMBDA) -o build/webhook/bootstrap ./functions/webhook
	$(LAMBDA) -o build/poller/bootstrap ./functions/poller

# The zips are the same bytes wherever the same Go makes them.
zips: build ## zip both functions for Lambda into build/release/
	@mkdir -p build/release
	@set -e; for function in webhook poller; do \
		said=$$(go run github.com/aws/aws-lambda-go/cmd/build-lambda-zip -o build/release/$$function-arm64.zip build/$$function/bootstrap 2>&1) || \
			{ echo "$$said" >&2; exit 1; }; \
	done

release: zips ## the zips with their parts lists (CycloneDX), the template and checksums
	@set -e; for function in webhook poller; do \
		$(TOOL) cyclonedx-gomod bin -json -std -short-purls -noserial -notimestamp -version "$$(git describe --tags --always --dirty)" \
			-output build/release/$$function-arm64.cdx.json build/$$function/bootstrap; \
	done
	@sed 's|build/release/||' template.yaml > build/release/template.yaml
	@cd build/release && sha256sum *.zip *.json template.yaml | tee SHA256SUMS

deploy: ## put the stack on AWS, or change it: HerokuApp=shop AlarmEmail=you@example.com, any parameter of template.yaml, STACK=name
	$(GO)
	$(STACKCMD) deploy $(GIVEN) $(if $(BUCKET),BUCKET="$$BUCKET")

drill: ## show on live accounts that the stack STACK=name works, measure it and leave nothing: DRILL="-database" for flags (docs/live.md)
	$(GO)
	$(call TAKES,STACK DRILL)
	@go build -o build/drill ./internal/cmd/drill
	@build/drill -stack $(if $(GIVEN),"$$STACK",keepcurrent) $(DRILL)

remove: ## remove the webhooks from Heroku, and the stack STACK=name; the secrets stay
	$(GO)
	$(STACKCMD) remove $(GIVEN)

secretsmanager: ## start the Secrets Manager of the tests alone, on port 4566 of the loopback
	$(GO)
	@go build -v -o /dev/null ./internal/cmd/secretsmanager $(PROGRESS)
	go run ./internal/cmd/secretsmanager -listen 127.0.0.1:4566

.PHONY: help demo test soak load proof bench fuzz lint vulncheck status subscribe unsubscribe build zips release deploy drill remove secretsmanager
