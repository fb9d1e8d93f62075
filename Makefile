# Every target does its own set-up: .venv in this folder, from the hash-pinned lock. `make demo` is the place to begin.

PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
JOBS ?= 6
TESTS ?=
SOAK_JOBS ?= 3
STEPS := tests/measuring/test_steps.py
READY := .venv/.ready
BROWSER := .venv/.browser
SHIP := .venv/.ship
PROMTOOL := .venv/promtool/usr/bin/promtool
NGINX := .venv/nginx/usr/sbin/nginx

.PHONY: demo test check fix bench budget soak browser contract ship clients wheel sbom site mutants interpreters seeds sim pictures lock clean

demo: $(READY)
	$(BIN)/overmind demo

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(JOBS) --dist worksteal -rs $(TESTS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench

# Machine instructions of the usual work, against bench/budget.json. Needs valgrind.
budget: $(READY)
	$(BIN)/python -m bench.budget

# The long tier: what `make test` leaves out, and every property at its full length. docs/tests.md says what is where.
# The longest steps come first and alone: tests beside them take the caches that they are measured with. 5: none chosen.
soak: $(READY)
	@command -v tmux >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing tmux …" \
	    && apt-get update --quiet --quiet \
	    && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends tmux >/dev/null; } \
	  || echo "There is no tmux: the tests that look at a real terminal are left out" >&2
	$(BIN)/pytest --soak $(STEPS) $(TESTS) || [ $$? = 5 ]
	$(BIN)/pytest --soak -n $(SOAK_JOBS) --dist worksteal -rs --ignore=$(STEPS) $(TESTS)

# The operator's page in a real browser, with pictures of every view in artifacts/, and then the contract of the API.
browser: $(BROWSER)
	$(BIN)/pytest -rs tests/browser $(TESTS)
	$(BIN)/pytest tests/browser/contract_every_route.py

# Requests of every kind to every route of a live service: each answer has to be one that /openapi.json declares.
contract: $(BROWSER)
	$(BIN)/pytest tests/browser/contract_every_route.py

# What is shipped beside the program: rules, dashboard, unit, image, clients, wheel, documentation site.
ship: $(SHIP) $(PROMTOOL) $(NGINX)
	$(BIN)/pytest -n 2 --dist loadfile -rs tests/ship $(TESTS)

# The wheel, for an image or another machine. Nothing is fetched.
wheel: $(READY)
	rm -f dist/overmind-*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .

# The bill of materials of what runs, as CycloneDX.
sbom: $(SHIP)
	$(BIN)/python -m tools.sbom requirements-run.lock dist/overmind.cdx.json

# The clients for Python and TypeScript, in build/clients, from the description of the API.
clients: $(SHIP)
	$(BIN)/python -m tools.clients build/clients

# The documentation as pages, in site/. Nothing is fetched, and the pages fetch nothing from elsewhere.
site: $(SHIP)
	$(BIN)/zensical build --clean --strict

# Plants known bugs, one at a time in a copy of the sources, and expects a named test to notice each.
mutants: $(READY)
	$(BIN)/python -m tests.mutants

# The quick tier's heart on every interpreter of this machine from 3.11 up.
interpreters: $(READY)
	$(BIN)/python -m tests.interpreters

# Chooses the simulator's seeds of the quick tier anew: after changes of the core they may show less than they did.
seeds: $(READY)
	$(BIN)/python -m tests.sim.chosen_seeds

sim: $(READY)
	$(BIN)/python -m tests.sim.simulate $(SEED)

# The pictures of the README, made from the real program.
pictures: $(BROWSER)
	$(BIN)/python -m tools.pictures docs/pictures/demo.svg
	$(BIN)/python -m tests.browser.picture docs/pictures/desk.png

# The only step that needs the network.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed, this is " + sys.version'
	@echo "Making .venv with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv .venv
	@echo "Installing the packages of requirements.lock; this takes about a minute …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "Installing overmind itself …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@echo "Ready: $(BIN)/overmind --help lists the commands."

# Playwright, on top of .venv, and the distribution's own Chromium: it takes half a gigabyte, so nothing else needs it.
$(BROWSER): $(READY) requirements-browser.lock
	@command -v chromium chromium-browser google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing chromium …" \
	    && apt-get update --quiet --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends chromium >/dev/null; } \
	  || { echo "There is no Chromium, and it could not be installed: as root, run  apt-get install chromium" >&2; exit 2; }
	@echo "Installing the packages of requirements-browser.lock …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.lock
	@touch $@

# The tools that check and build what is shipped, on top of .venv.
$(SHIP): $(READY) requirements-ship.lock
	@echo "Installing the packages of requirements-ship.lock …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-ship.lock
	@touch $@

# Of the distribution's package of Prometheus, unpacked and not installed, so that no service starts.
$(PROMTOOL): $(READY)
	@command -v apt-get >/dev/null && command -v dpkg >/dev/null \
	  || { echo "promtool comes with Debian's package of Prometheus, and apt-get or dpkg is missing: unpack promtool to $@" >&2; exit 2; }
	@echo "Unpacking promtool …"
	@rm -rf .venv/promtool && mkdir -p .venv/promtool
	@cd .venv/promtool && fetch="apt-get download --quiet --quiet --option APT::Sandbox::User=root prometheus" \
	  && { $$fetch 2>/dev/null || { apt-get update --quiet --quiet && $$fetch; } } && dpkg -x prometheus_*.deb . && rm prometheus_*.deb
	@touch $@

# Likewise, for the proxy of docs/hooks.md.
$(NGINX): $(READY)
	@command -v apt-get >/dev/null && command -v dpkg >/dev/null \
	  || { echo "nginx comes with Debian's package, and apt-get or dpkg is missing: unpack nginx to $@" >&2; exit 2; }
	@echo "Unpacking nginx …"
	@rm -rf .venv/nginx && mkdir -p .venv/nginx
	@cd .venv/nginx && fetch="apt-get download --quiet --quiet --option APT::Sandbox::User=root nginx" \
	  && { $$fetch 2>/dev/null || { apt-get update --quiet --quiet && $$fetch; } } && dpkg -x nginx_*.deb . && rm nginx_*.deb
	@touch $@

# After a change of the dependencies in pyproject.toml. Needs uv, which writes neither addresses nor hosts here.
lock:
	uv pip compile --quiet --generate-hashes --extra dev --no-header --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --generate-hashes --extra browser --no-header --constraint requirements.lock --output-file requirements-browser.lock pyproject.toml
	uv pip compile --quiet --generate-hashes --extra notices --no-header --constraint requirements.lock --output-file requirements-run.lock pyproject.toml
	uv pip compile --quiet --generate-hashes --extra ship --no-header --constraint requirements.lock --output-file requirements-ship.lock pyproject.toml

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist site src/*.egg-info
