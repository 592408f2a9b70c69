//! Fenced blocks of Markdown pages, and what a `console` block shows.
//!
//! A `console` block is a script: lines that begin with `$ ` are commands (continued on the next line after a `\`), the
//! lines below a command are what it prints, with `…` for what differs from run to run or is left out. A comment line
//! right before the block says what is special about it:
//!
//! - `<!-- exit: 2 -->`: the last command ends with this exit code; all others end with 0;
//! - `<!-- recorded data -->`: `--data DIR` stands for a folder of recorded market data, which may not be shipped.

/// The page whose code is compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/guide/orders.md")]
pub struct GuideToOrders;

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First word after the fence.
    pub language: String,
    /// Line number of the fence, from 1.
    pub line: usize,
    /// Lines inside.
    pub text: String,
    /// Text of the comment on the line before, without its marks.
    pub comment: Option<String>,
}

/// A command of a `console` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// What is typed.
    pub command: String,
    /// What it is said to print; empty where nothing is shown.
    pub output: String,
}

/// All fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut inside, mut before) = (false, "");
    for (index, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                let comment = before.strip_prefix("<!--").and_then(|text| text.strip_suffix("-->"));
                found.push(Block {
                    language: language.split([' ', ',']).next().unwrap_or_default().to_owned(),
                    line: index + 1,
                    text: String::new(),
                    comment: comment.map(|text| text.trim().to_owned()),
                });
            }
            None => {
                if let (true, Some(block)) = (inside, found.last_mut()) {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
        before = line;
    }
    found
}

impl Block {
    /// The commands of a `console` block with what they print.
    pub fn commands(&self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = Vec::new();
        let mut continued = false;
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), shown.last_mut()) {
                (None, Some(last)) if continued => {
                    last.command.push('\n');
                    last.command.push_str(line);
                }
                (Some(command), _) => {
                    shown.push(Shown { command: command.to_owned(), output: String::new() });
                }
                (None, Some(last)) => {
                    last.output.push_str(line);
                    last.output.push('\n');
                    continue;
                }
                (None, None) => continue,
            }
            continued = line.ends_with('\\');
        }
        shown
    }

    /// The exit code of the last command.
    pub fn exit_code(&self) -> i32 {
        let stated = self.comment.as_deref().and_then(|comment| comment.strip_prefix("exit:"));
        stated.and_then(|code| code.trim().parse().ok()).unwrap_or(0)
    }

    /// Whether it needs recorded market data.
    pub fn needs_recorded_data(&self) -> bool {
        self.comment.as_deref() == Some("recorded data")
    }
}

/// Whether a text is what a page shows: equal but for `…`, which stands for anything, and for the number of blanks, since
/// columns are as wide as their widest value.
pub fn is_as_shown(actual: &str, shown: &str) -> bool {
    let (actual, shown) = (single_spaced(actual), single_spaced(shown));
    let (actual, shown) = (actual.trim_matches('\n'), shown.trim_matches('\n'));
    let pieces: Vec<&str> = shown.split('…').collect();
    let [first, between @ .., last] = pieces.as_slice() else {
        return actual == shown;
    };
    let Some(mut rest) = actual.strip_prefix(first) else {
        return false;
    };
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

fn single_spaced(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n<!-- exit: 2 -->\n```console\n$ host run \\\n    --plugin x\nerror: no\n$ ls\n```\n\n```sh\nmake\n```\n";

    #[test]
    fn blocks_know_their_language_comment_and_commands() {
        let found = blocks(PAGE);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].language.as_str(), found[0].line, found[0].exit_code()), ("console", 4, 2));
        assert_eq!((found[1].language.as_str(), found[1].exit_code()), ("sh", 0));
        let commands = found[0].commands();
        assert_eq!(commands[0].command, "host run \\\n    --plugin x");
        assert_eq!(commands[0].output, "error: no\n");
        assert_eq!(commands[1], Shown { command: "ls".to_owned(), output: String::new() });
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(is_as_shown("a  1 \nb 2\n", "a  1\nb 2"));
        assert!(is_as_shown("bars 10 in 0.3 s\nend\n", "bars 10 in … s\nend"));
        assert!(is_as_shown("begin\nx\ny\nend", "begin\n…\nend"));
        assert!(!is_as_shown("bars 11 in 0.3 s", "bars 10 in … s"));
        assert!(!is_as_shown("bars 10", "bars 10\nmore"));
        assert!(!is_as_shown("a b", "b…"));
        assert!(is_as_shown("anything", "…"));
    }
}
