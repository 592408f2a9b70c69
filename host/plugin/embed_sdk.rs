//! Build script: a table of the files that a new plugin project needs, so that the binary carries them.
#![allow(clippy::print_stdout)] // How a build script talks to cargo.
#![allow(clippy::unnecessary_debug_formatting)] // Rust string literals are what is generated.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Files and folders of the repository, relative to its root.
const EMBEDDED: [&str; 6] =
    ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "host/indicators", "sdk/rust", "wit/v0.1"];

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..");
    let mut files = Vec::new();
    for name in EMBEDDED {
        let path = root.join(name);
        // Watched even where it does not exist, so that its appearance is seen.
        println!("cargo::rerun-if-changed={}", path.display());
        if path.exists() {
            collect(&path, &mut files)?;
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?;
        let _ = writeln!(table, "    ({name:?}, include_str!({:?})),", fs::canonicalize(&file)?);
    }
    table.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(PathBuf::from(out).join("sdk_files.rs"), table)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.file_name().is_none_or(|name| name != "target") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}
