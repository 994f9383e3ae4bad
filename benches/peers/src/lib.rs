//! Nothing: this package is for its bench.
