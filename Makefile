# What one types. Each target says what it installs, and asks nothing.
.PHONY: demo test lint bench docs build deb setup torture

# The story on real machines: launch, put away, launch again, with the data.
demo:
	@scripts/demo.sh

# Every test, machines included.
test:
	@scripts/test.sh

# Each guard switched off, the planner searched as a model, kills, damaged stores, 200,000 bad days; takes hours.
torture:
	@scripts/torture.sh

# Format, clippy, documentation, dependency rules.
lint:
	@scripts/lint.sh

# Timings; never asserted by tests.
bench:
	@scripts/bench.sh

# The documentation of the code, without warnings.
docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

build:
	cargo build --package wucluster

# The Debian package, with manual and completions; unpacked and looked at.
deb:
	@scripts/deb.sh

# Debian packages that machines on this host need.
setup:
	@scripts/setup.sh
