# keepcurrent: what a person needs. `make` alone lists it.
.DEFAULT_GOAL := help

# The race detector needs a C compiler on Linux; without one the tests run bare.
RACE := $(shell command -v "$$(go env CC)" >/dev/null && echo -race || echo "")
# As lambdatest.Build compiles them for the tests, but for Lambda's arm64.
LAMBDA := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -buildvcs=false -trimpath -tags lambda.norpc -ldflags='-s -w -buildid='
# The versions are in that file. https://go.dev/doc/modules/managing-dependencies#tools
TOOL := go tool -modfile=internal/cmd/tools/go.mod

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# go says nothing while it compiles, which takes minutes the first time. An error comes again
# from the command behind.
PROGRESS = 2>&1 | awk '{ printf "\r%d packages downloaded or compiled", NR; fflush() } END { if (NR) print "" }'

demo: ## watch a credential rotate, a webhook get lost, a consumer call and a slow writer lose
	@go build -v -o /dev/null ./internal/cmd/demo $(PROGRESS)
	@go run ./internal/cmd/demo

# Not cached: the end-to-end tests compile the functions, which go test cannot know. They
# come first, for they wait most of their time.
test: ## run all tests, with the race detector, and list what was skipped
	@[ -n "$(RACE)" ] || echo "no C compiler: testing without the race detector"
	@go build -v -o /dev/null $(RACE) ./... $(PROGRESS)
	$(TOOL) gotestsum --format pkgname --format-hide-empty-pkg -- $(RACE) -count=1 ./internal/test/e2e ./...

soak: ## play random histories against the core, for FOR=10m or as long as you say
	cd internal/reconcile && go test -count=1 -timeout 0 -run 'TestSoak$$' -sim.soak $(or $(FOR),10m)

load: ## 500 requests a second into one compiled webhook, for FOR=60s or as long as you say
	go test -v -count=1 -timeout 0 -run 'TestLoad$$' ./internal/test/e2e -load $(or $(FOR),60s)

proof: ## rotate under programs of every kind, and beside other ways to read the secret, N=20 times or as often as you say
	go test -v -count=1 -timeout 0 -p 1 -run 'TestProof$$' ./internal/test/e2e ./consumer -proof $(or $(N),20)

bench: ## measure how fast it is, beside what people use, and write docs/performance.md (about 8 minutes)
	@go run ./internal/cmd/bench -write

fuzz: ## fuzz every target, for FOR=30s each or as long as you say
	@set -e; for package in ./functions/webhook ./functions/poller ./internal/connection ./internal/reconcile ./internal/heroku; do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			go test -run XXX -fuzz "^$$target\$$" -fuzztime $(or $(FOR),30s) -fuzzminimizetime 500x $$package; \
		done; \
	done

# Not ST1005 and ST1012: an error may begin with a name (Heroku), and may be called
# what it is in a table of tests.
lint: ## gofmt, go vet, staticcheck, actionlint, and cfn-lint where it is installed
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./... && cd internal/test/programs && go vet ./...
	$(TOOL) staticcheck -checks inherit,-ST1005,-ST1012 ./...
	$(TOOL) actionlint .github/workflows/*.yml
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml; else echo "cfn-lint is not installed: template.yaml not checked"; fi

vulncheck: ## look for known vulnerabilities that the code reaches (asks vuln.go.dev)
	$(TOOL) govulncheck ./...

# fileb:// is read as it is by both versions of the AWS CLI. File 3 takes the answer alone,
# without the CLI's summary. Untold, the CLI asks again after a minute.
ask-poller = poller=$$(aws cloudformation describe-stacks --stack-name "$(STACK)" --output text \
		--query "Stacks[0].Outputs[?OutputKey=='PollerFunction'].OutputValue") && \
	case $$poller in None|'') echo "the stack $(STACK) has no output PollerFunction" >&2; exit 2;; esac && \
	printf %s '$(1)' | aws lambda invoke --function-name "$$poller" --payload fileb:///dev/stdin \
		--cli-read-timeout 0 /dev/fd/3 3>&1 >/dev/null

status: ## say how every secret is: of the stack STACK=name, or of one on this machine; ALL=1 lists all
	@$(if $(STACK),$(call ask-poller,{"dryRun":true}) |) go run ./internal/cmd/status $(if $(STACK),,-local) $(if $(ALL),-all)

unsubscribe: ## remove our webhook from an app that no secret names any more: APP=name STACK=name
	$(if $(and $(APP),$(STACK)),,$(error say: make unsubscribe APP=name STACK=name))
	@answer=$$($(call ask-poller,{"unsubscribe":"$(APP)"})) && echo "$$answer" && \
		case $$answer in *'"errorMessage"'*) exit 1;; esac

build: ## compile both functions for Lambda into build/
	$(LAMBDA) -o build/webhook/bootstrap ./functions/webhook
	$(LAMBDA) -o build/poller/bootstrap ./functions/poller

# The zips are the same bytes wherever the same Go makes them.
zips: build ## zip both functions for Lambda into build/release/
	@mkdir -p build/release
	@set -e; for function in webhook poller; do \
		go run github.com/aws/aws-lambda-go/cmd/build-lambda-zip -o build/release/$$function-arm64.zip build/$$function/bootstrap; \
	done

release: zips ## the zips with their parts lists (CycloneDX), the template and checksums
	@set -e; for function in webhook poller; do \
		$(TOOL) cyclonedx-gomod bin -json -std -short-purls -noserial -notimestamp -version "$$(git describe --tags --always --dirty)" \
			-output build/release/$$function-arm64.cdx.json build/$$function/bootstrap; \
	done
	@sed 's|build/release/||' template.yaml > build/release/template.yaml
	@cd build/release && sha256sum *.zip *.json template.yaml | tee SHA256SUMS

deploy: zips ## put the stack on AWS, or change it: HerokuApp=shop AlarmEmail=you@example.com, any parameter of template.yaml, STACK=name
	@go run ./internal/cmd/stack deploy $(MAKEOVERRIDES)

drill: ## show on live accounts that the stack STACK=name works, measure it and leave nothing: DRILL="-database" for flags (docs/live.md)
	@go run ./internal/cmd/drill $(if $(STACK),-stack $(STACK)) $(DRILL)

remove: ## remove the webhooks from Heroku, and the stack STACK=name; the secrets stay
	@go run ./internal/cmd/stack remove $(MAKEOVERRIDES)

secretsmanager: ## start the Secrets Manager of the tests alone, on port 4566 of the loopback
	go run ./internal/cmd/secretsmanager -listen 127.0.0.1:4566

.PHONY: help demo test soak load proof bench fuzz lint vulncheck status unsubscribe build zips release deploy drill remove secretsmanager
