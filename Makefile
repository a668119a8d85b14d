# Two commands do everything on a fresh Debian machine with Rust:
#   make demo   a recorded shopper is heard, understood and answered aloud
#   make test   all checks
# The rest: make build, models, eval, bench, test-full, doctor, clean.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(HOME)/.cache/aisle/target
export AISLE_MODELS ?= $(HOME)/.cache/aisle/models
BIN := $(CARGO_TARGET_DIR)/release
AISLE := $(BIN)/aisle
OUT := $(CARGO_TARGET_DIR)/demo

# What the build and the kiosk need from Debian; each is installed only when missing.
PACKAGES := build-essential cmake clang libclang-dev pkg-config libasound2-dev \
            libespeak-ng1 espeak-ng-data ca-certificates \
            libfontconfig-dev libxkbcommon-dev libinput-dev libudev-dev libgbm-dev \
            libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0 libegl1 libgl1
# What the demo needs besides: a broker for head office, and certificates for it.
DEMO_PACKAGES := mosquitto openssl
# What the tests need besides: a display without a monitor, a pointer and keys for it, a
# sound card without a loudspeaker, a broker, a database server.
TEST_PACKAGES := xvfb xdotool pulseaudio pulseaudio-utils libasound2-plugins mosquitto postgresql
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help packages build models demo test test-full lint eval replay bench bench-live bench-noise bench-screen bench-search bench-sync bench-fleet gallery tune-search tune-intents doctor clean

help:
	@sed -n '2,4p' Makefile | sed 's/^# //'

# $(WANTED) is what is looked for; `make test` looks for more.
WANTED := $(PACKAGES)
demo: WANTED := $(PACKAGES) $(DEMO_PACKAGES)
test test-full bench-screen bench-sync bench-fleet: WANTED := $(PACKAGES) $(TEST_PACKAGES)

packages:
	@missing=()
	for package in $(WANTED); do
	  dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package")
	done
	python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
	if [ $${#missing[@]} -gt 0 ]; then
	  echo "Installing: $${missing[*]}"
	  $(SUDO) apt-get update -q
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends "$${missing[@]}"
	  # The tests start a broker and a database of their own; Debian's would stand open on this machine.
	  for service in mosquitto postgresql; do
	    case " $${missing[*]} " in
	      *" $$service "*) $(SUDO) systemctl disable --now "$$service" >/dev/null 2>&1 || $(SUDO) service "$$service" stop >/dev/null 2>&1 || true ;;
	    esac
	  done
	fi
	command -v cargo >/dev/null || { echo "Rust is missing: install it first (rustc 1.92 or later)"; exit 1; }

build: packages
	@mkdir -p "$(CARGO_TARGET_DIR)"
	# Cargo takes two clones that share a target folder for one and compares file
	# times only: after a build in another clone, this one's files count as new.
	if [ "$$(cat "$(CARGO_TARGET_DIR)/clone" 2>/dev/null)" != "$(CURDIR)" ]; then
	  find src tests ui -name '*.rs' -exec touch {} +
	  echo "$(CURDIR)" > "$(CARGO_TARGET_DIR)/clone"
	fi
	echo "Building (the first time takes some minutes) ..."
	cargo build --release --locked --bins

models: build
	@$(AISLE) models fetch

demo: models
	@mkdir -p "$(OUT)"
	$(AISLE) catalog import firmware-config/demo-store/catalog.jsonl --as-of now
	echo
	echo "A recorded shopper orders at the café:"
	$(AISLE) ask --wav tests/recordings/order-1.flac --say "$(OUT)/order.wav"
	echo
	echo "Another one types:"
	$(AISLE) ask "where can I find gluten free pasta" --say "$(OUT)/typed.wav"
	echo
	echo "The spoken replies: $(OUT)/order.wav and $(OUT)/typed.wav"
	if command -v aplay >/dev/null && aplay -l >/dev/null 2>&1; then
	  $(AISLE) ask "where can I find gluten free pasta" --play >/dev/null || true
	fi
	echo
	echo "Head office, its broker and a kiosk on this machine:"
	AISLE="$(AISLE)" firmware-config/mosquitto/demo.sh
	echo
	echo "Ask it yourself:  $(AISLE) ask \"do you have oat milk\""
	if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then
	  echo "The kiosk's window opens; close it to end."
	  $(AISLE) run
	else
	  echo "The kiosk's screen, where there is a display:  $(AISLE) run"
	fi

lint:
	@cargo fmt --check
	if cargo clippy --version >/dev/null 2>&1; then
	  cargo clippy --release --locked --all-targets -- -D warnings
	fi
	if cargo deny --version >/dev/null 2>&1; then cargo deny check; fi

test: models lint
	@cargo test --release --locked

# All checks, then the evaluation: what takes longer than `make test` should.
test-full: export AISLE_SOAK := 2000
test-full: test eval

# Answer quality and latency; reads $$AISLE_EVAL_DATA, else the shipped cases.
eval: models
	@cargo bench --locked --bench eval

# 10,000 turns over two catalogs, judged by a checker that does not know the program.
replay: models
	@cargo bench --locked --bench replay

# The recorded orders in real noise; needs $$AISLE_EVAL_DATA. Takes half an hour.
bench-noise: models
	@cargo bench --locked --bench noise

# The spoken conversation in real time; needs $$AISLE_EVAL_DATA. Takes three quarters of an hour.
bench-live: models
	@cargo bench --locked --bench live

# Search beside plain FTS5 and tantivy: quality, speed, a table and a chart.
bench-search: models
	@cargo bench --locked --bench bench-search

# Learns the weights of the search's ranking from judged queries, by cross-validation.
tune-search: models
	@cargo bench --locked --bench bench-search -- --tune

# Learns the intent classifier from models/intents.tsv and writes models/intents.json.
tune-intents: models
	@cargo bench --locked --bench tune-intents

# Pictures of every page, into ui/pictures.
gallery: build
	@cargo bench --locked --bench gallery

# The screen: time to the first frame, frames a second while scrolling 200 cards, memory.
bench-screen: models
	@cargo bench --locked --bench screen

# Head office's line: events a second and bytes each, through a broker of its own; what taking
# a catalog into use takes, and what searches wait meanwhile; a fleet.
bench-sync: build
	@cargo bench --locked --bench bench-outbox
	cargo bench --locked --bench bench-bundles
	cargo bench --locked --bench fleet

# 2,000 kiosks against one broker and one collector. AISLE_FLEET_KIOSKS=50 is a try of a minute.
bench-fleet: build
	@cargo bench --locked --bench fleet

bench: eval bench-search bench-screen

doctor: build
	@$(AISLE) doctor

clean:
	@cargo clean
