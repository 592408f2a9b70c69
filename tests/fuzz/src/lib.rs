//! A fuzzer for stable Rust: a corpus in the repository, a seeded mutator, and a loop that keeps what broke something.
//!
//! Each target first takes the files of its corpus as they are, then mutations of them. Equal seeds give equal inputs.
//! `CRYPTOBOT_FUZZ_CASES` is the number of mutations (`make fuzz` takes many), `CRYPTOBOT_FUZZ_SEED` another seed. An
//! input that fails is written to the target folder and named; kept in `corpus/`, it is tested for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it is test code"
)]
#![allow(clippy::disallowed_types, reason = "it reads files and measures wall time")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

mod mutate;

pub use mutate::Mutator;

/// Longest time that the host may spend on one input, in a debug build on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The corpus of a target: the files of its folder, in the order of their names.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    files.iter().map(|file| fs::read(file).expect("a file")).collect()
}

/// Runs `check` on the seeds and on mutations of them. A panic in it, or one input that takes longer than
/// [`PATIENCE`], fails with the place where the input is kept. `usual` is the number of mutations in an everyday test.
pub fn fuzz(target: &str, seeds: &[Vec<u8>], usual: u64, check: impl Fn(&[u8])) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases = number("CRYPTOBOT_FUZZ_CASES").unwrap_or(usual);
    let seed = number("CRYPTOBOT_FUZZ_SEED").unwrap_or(1);
    let mut mutator = Mutator::new(seed);
    for input in seeds {
        examine(target, input, &check);
    }
    for _ in 0..cases {
        examine(target, &mutator.mutate(seeds), &check);
    }
    println!("{target}: {} files and {cases} mutations, seed {seed}", seeds.len());
}

fn examine(target: &str, input: &[u8], check: &impl Fn(&[u8])) {
    let started = Instant::now();
    let panicked = catch_unwind(AssertUnwindSafe(|| check(input))).is_err();
    let took = started.elapsed();
    if !panicked && took <= PATIENCE {
        return;
    }
    let folder = std::env::temp_dir().join("cryptobot-fuzz");
    fs::create_dir_all(&folder).expect("a folder for what failed");
    let kept = folder.join(format!("{target}-{:016x}", mutate::fingerprint(input)));
    fs::write(&kept, input).expect("what failed is kept");
    let what = if panicked { "a panic".to_owned() } else { format!("{took:?}") };
    panic!(
        "{target}: {what} on {}; keep it in tests/fuzz/corpus/{target} once it is understood",
        kept.display()
    );
}
