//! Gets the report's chart library through npm and joins the page's own scripts.
//!
//! Third-party code is not kept in the repository: `web/package-lock.json` pins it by hash, `npm ci` fetches it into
//! the build folder once, and the distributed file is embedded together with its licence.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

const LIBRARY: &str = "node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.js";
const LICENCE: &str = "node_modules/lightweight-charts/LICENSE";
/// In the order in which they build on each other.
const SCRIPTS: [&str; 8] = [
    "format.js",
    "charts.js",
    "figures.js",
    "trades.js",
    "sections.js",
    "risk.js",
    "changes.js",
    "report.js",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=web");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let packages = out.join("web");
    install(&packages)?;

    let library = fs::read_to_string(packages.join(LIBRARY))?;
    if library.to_ascii_lowercase().contains("</script") {
        return Err("the chart library contains a closing script tag and cannot be embedded".into());
    }
    let mut script = String::from("(() => {\n\"use strict\";\n");
    for name in SCRIPTS {
        script.push_str(&fs::read_to_string(Path::new("web").join(name))?);
    }
    script.push_str("})();\n");
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}' 'sha256-{}'",
        base64(&Sha256::digest(&library)),
        base64(&Sha256::digest(&script)),
    );
    fs::write(out.join("library.js"), library)?;
    fs::write(out.join("report.js"), script)?;
    fs::write(out.join("policy.txt"), policy)?;
    fs::copy(packages.join(LICENCE), out.join("licence.txt"))?;
    Ok(())
}

/// Runs `npm ci` unless exactly these packages are there already.
fn install(packages: &Path) -> Result<(), Box<dyn Error>> {
    let lock = fs::read("web/package-lock.json")?;
    let stamp = packages.join("installed.json");
    if packages.join(LIBRARY).exists() && fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    fs::create_dir_all(packages)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(Path::new("web").join(name), packages.join(name))?;
    }
    let ended = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"])
        .current_dir(packages)
        .output()
        .map_err(|error| format!("npm is needed to build the report: run `make setup` ({error})"))?;
    if !ended.status.success() {
        let message = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("`npm ci` failed for host/analytics/web/package.json:\n{message}").into());
    }
    fs::write(stamp, lock)?;
    Ok(())
}

/// Base64 with padding (RFC 4648), the form of hashes in a content security policy.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (place, byte)| bits | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    text
}
