//! `sweep.html`: the landscape of a sweep on one page, with everything in it and no use of the network.

use std::borrow::Cow;

use cryptobot_analytics::report::{FORMAT_SCRIPT, STYLE, escape, fill};
use cryptobot_model::ParamValue;
use cryptobot_run::sweep::Search;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::identity::Shard;
use crate::survey::{Survey, View};

const PAGE: &str = include_str!("../web/sweep.html");
const OWN_STYLE: &str = include_str!("../web/sweep.css");
const OWN_SCRIPT: &str = include_str!("../web/sweep.js");

#[derive(Serialize)]
struct Data<'a> {
    document: &'a Document,
    #[serde(flatten)]
    view: View,
}

/// The page of a sweep. `top` are the values of the best.
pub(crate) fn html(
    document: &Document,
    survey: &Survey,
    top: &[Vec<ParamValue>],
) -> Result<String, serde_json::Error> {
    let whole = document.sweep.choice.search == Search::Grid && document.sweep.shard == Shard::WHOLE;
    let data = serde_json::to_string(&Data { document, view: survey.view(whole, top) })?;
    // A `<` in JSON stands inside a string only; escaped, nothing in the data can end the element.
    let data = data.replace('<', "\\u003c");
    let script = format!("(() => {{\n\"use strict\";\n{FORMAT_SCRIPT}{OWN_SCRIPT}}})();\n");
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'",
        base64(&Sha256::digest(&script))
    );
    let title = escape(&format!("{} – sweep report", document.sweep.plugin));
    let style = format!("{STYLE}{OWN_STYLE}");
    let values = [
        ("{{policy}}", policy),
        ("{{title}}", title),
        ("{{style}}", style),
        ("{{data}}", data),
        ("{{script}}", script),
    ];
    Ok(fill(PAGE, values.map(|(mark, value)| (mark, Cow::Owned(value)))).concat())
}

/// Base64 with padding (RFC 4648), the form of hashes in a content security policy.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let shifted =
            group.iter().zip([16, 8, 0]).fold(0_u32, |bits, (byte, shift)| bits | u32::from(*byte) << shift);
        for place in 0..4 {
            let digit = ALPHABET[(shifted >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
