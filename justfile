# What CI runs, from formatting to benches.
ci:
    .ci/run

# The fast half of it, for while you work.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo test --workspace --all-features

# A server to try, with everything embedded.
serve *flags:
    cargo run --release -p asset-upload -- serve {{flags}}

# How fast, as ratios.
bench:
    cargo bench --all-features --bench signer
    cargo bench --all-features --bench service
    cargo bench --all-features --bench stores
