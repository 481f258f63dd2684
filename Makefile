# Development, and running from sources. Everything is installed into .venv and web/node_modules; data/ is never touched.

BIN := .venv/bin
WEB_SOURCES := $(shell find web -type d \( -name dist -o -name node_modules -o -name templates -o -name __pycache__ \) -prune -o -type f -print 2>/dev/null)
TEST_PROCESSES ?= 4
ARGS ?=
BENCHES ?= server segments ladder quality
SOURCE ?=

unexport PYTHONDONTWRITEBYTECODE  # compiled once, not by each process that tests start
.DELETE_ON_ERROR:
.PHONY: help install dev run test test-times quick coverage check fix fuzz fuzz-api fuzz-http soak bench screenshots lock docs languages clean front-end-is-missing

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

install: .venv/.installed ## create .venv with the streamtime command

run: install ## install, then serve; ARGS="--port 9000" is passed on
	@exec $(BIN)/streamtime serve $(ARGS)

dev: .venv/.installed-dev ## install, with the development tools

test: check ## everything: lint, types, layers, all tests
	@chromium=$$(.ci/need chromium) && firefox=$$(.ci/need firefox) && webkit=$$(.ci/need webkit) && \
		nginx=$$(.ci/need nginx) && caddy=$$(.ci/need caddy) && \
		CHROMIUM="$$chromium" FIREFOX="$$firefox" WEBKIT="$$webkit" NGINX="$$nginx" CADDY="$$caddy" \
		$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 2 $(ARGS)

test-times: ARGS += --times
test-times: test ## the same with a table of where time goes, by file and by phase

quick: check ## check, contract tests, and unit tests but those of media: under a minute
	$(BIN)/pytest -q -n auto --dist loadfile tests/unit tests/contracts --ignore tests/unit/media $(ARGS)

coverage: ARGS += --cov --cov-report term
coverage: test ## test with line coverage; takes half as long again

check: dev ## lint, format, templates, types, layers
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/djlint --quiet --lint --ignore J018 web/templates  # J018: URLs are a promise here, written as they are
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo

fix: dev ## fix what the tools can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

fuzz: dev ## test 5,000 unusual and corrupted files; ARGS="--attempts 500 --seed x", ARGS="--part odd --case 7", ARGS=--help
	$(BIN)/python -m tests.hostile.fuzz $(ARGS)

fuzz-api: dev ## test the API against its OpenAPI document with schemathesis; ARGS="--examples 1000 --only admin --seed 7"
	$(BIN)/python -m tests.hostile.api_fuzz $(ARGS)

fuzz-http: dev ## send 5,000 random requests over raw sockets; ARGS="--attempts 500 --seed x"
	$(BIN)/python -m tests.hostile.http_fuzz $(ARGS)

soak: dev ## kill servers at every point, fail disks, guess passwords, for hours; ARGS="--only kills --attempts 20"
	$(BIN)/python -m tests.faults.soak $(ARGS)

bench: dev ## benchmarks, compared with named peers in the same run; SOURCE=film.mkv uses your own file
	@chromium=$$(.ci/need chromium) && export CHROMIUM="$$chromium" && failed= && \
	for bench in $(BENCHES); do \
		case $$bench in ladder|quality) source="$(if $(SOURCE),--source $(SOURCE))" ;; *) source= ;; esac; \
		echo "== $$bench"; $(BIN)/python -m benchmarks.$$bench $$source $(ARGS) || failed="$$failed $$bench"; \
	done; test -z "$$failed" || { echo "goals missed or failed:$$failed"; exit 1; }

screenshots: dev ## pictures of all pages in both themes, on a phone and a desktop, in ./screenshots; ARGS="--only watch", ARGS=--readme
	@chromium=$$(.ci/need chromium) && CHROMIUM="$$chromium" $(BIN)/python -m tests.browser.screenshots $(or $(OUT),screenshots) $(ARGS)

lock: dev ## pin the newest packages that pyproject.toml allows, with hashes
	for lock in "--extra oidc --output-file requirements.lock" "--extra oidc --group dev --constraint requirements.lock --output-file requirements-dev.lock"; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml $$lock; \
	done

docs: install ## write config.example.toml and the tables of docs/configuration.md
	$(BIN)/python -m streamtime.config.documents

languages: dev ## write the texts of the sources into web/languages; ARGS="--new fr" begins a language
	$(BIN)/python web/languages/update.py $(ARGS)

clean: ## remove everything installed or built
	rm -rf .venv .programs web/node_modules web/dist build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage .coverage.*
	find streamtime migrations tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

.venv/.made:
	@python=$$(.ci/need python) && echo "Making .venv with $$($$python --version)" && $$python -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

.venv/.installed: .venv/.made pyproject.toml requirements.lock $(WEB_SOURCES) $(if $(wildcard web/dist/manifest.json),,front-end-is-missing)
	@echo "Installing Streamtime into .venv (the first time takes a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed pyproject.toml requirements-dev.lock
	@echo "Installing the tools for tests into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@
