# `make demo` to see it, `make test` to check everything. Each target can be run again and does only what is missing.
.PHONY: help deps engine base-image stand-ins build check docker-plugins test fuzz demo demo-down bench clean

help:
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1	\2/p' Makefile | expand -t 22

deps: ## install what this machine lacks (Debian)
	@scripts/deps

engine: deps ## start a Docker engine if none answers
	@scripts/engine

base-image: engine ## have debian:trixie, also without a registry
	@scripts/base-image

stand-ins: base-image ## have the public images that examples name, also without a registry
	@scripts/stand-in-images

build: deps ## build longshore
	cargo build --locked

check: deps ## format, lints, licences, unused libraries, layers, scripts
	@scripts/check

docker-plugins: deps ## fetch the Docker plugins that longshore is compared with and tested against, if they can be had
	@scripts/docker-plugins

fuzz: deps ## look for inputs that crash, a minute for each format (FUZZ_SECONDS)
	@scripts/fuzz

test: stand-ins check docker-plugins ## everything: checks, unit, golden, engine and host tests
	@scripts/test

demo: stand-ins build ## from commit to two running hosts, then version 2, then back
	@scripts/demo

demo-down: ## remove every trace of the demo
	@scripts/demo-down

bench: stand-ins docker-plugins ## reading and building beside Docker Compose, and a rollout beside one hand-written ssh per host
	cargo bench --locked --bench reading
	cargo bench --locked --bench building
	cargo bench --locked --bench rollout

clean: demo-down ## remove what was built, and the demo
	cargo clean
	rm -rf .cache
