//! Parquet catalog, instruments, audit, resampling, generators.
