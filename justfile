# What CI runs, from formatting to benches.
ci:
    .ci/run

# The fast half of it, for while you work.
check:
    cargo fmt --all --check
    cargo clippy --all-targets --all-features -- -D warnings
    cargo test --all-features

# A server to try, with everything embedded.
serve *flags:
    cargo run --release --example server -- {{flags}}

# How fast, as ratios.
bench:
    cargo bench --bench signer
    cargo bench --bench service
    cargo bench --bench stores
