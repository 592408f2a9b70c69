//! The text of a script, and places in it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rhai::Position;

/// The text of a script with its name.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the file.
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, both from 1, where they are known.
    pub at: Option<(usize, usize)>,
    /// What is wrong, in one line.
    pub message: String,
    /// The line with a mark below the column, in three lines; empty where the place is not known.
    pub excerpt: String,
}

impl fmt::Display for Problem {
    /// The message, and below it the excerpt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.excerpt.is_empty() { Ok(()) } else { write!(f, "\n{}", self.excerpt) }
    }
}

impl Source {
    /// A text under the name of its file.
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let printable: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { name: printable.into(), text: text.into() }
    }

    /// A problem at a position of the interpreter.
    pub(crate) fn problem(&self, at: Position, message: impl Into<String>) -> Problem {
        let at = at.line().map(|line| (line, at.position().unwrap_or(1)));
        let excerpt = at.map(|at| self.excerpt(at)).unwrap_or_default();
        Problem { at, message: message.into(), excerpt }
    }

    /// The line, without blanks around it.
    fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line - 1).unwrap_or_default()
    }

    /// In one line: place, message and the line of the script.
    pub(crate) fn one_line(&self, problem: &Problem) -> String {
        let Problem { at: Some((line, column)), message, .. } = problem else {
            return format!("{}: {}", self.name, problem.message);
        };
        let shown = shortened(self.line(*line).trim());
        format!("{}:{line}:{column}: {message}, in `{shown}`", self.name)
    }

    /// The line with its number, and a mark below the column.
    fn excerpt(&self, (line, column): (usize, usize)) -> String {
        let text = shortened(self.line(line));
        // Tabs stay tabs, so that the mark stands where the eye expects it.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        format!("{margin} |\n{number} | {text}\n{margin} | {indent}^")
    }

    /// The excerpt for a message that begins with a place in this script, as those of faults do.
    pub(crate) fn excerpt_of(&self, message: &str) -> Option<String> {
        let (_, rest) = message.split_once(&format!("{}:", self.name))?;
        let mut numbers = rest.splitn(3, ':').map(str::parse::<usize>);
        let (Some(Ok(line @ 1..)), Some(Ok(column @ 1..))) = (numbers.next(), numbers.next()) else {
            return None;
        };
        Some(self.excerpt((line, column)))
    }
}

/// Longest part of a line that is shown, characters.
const SHOWN: usize = 160;

/// A line fit for a terminal: without control characters, cut where it is long.
fn shortened(line: &str) -> String {
    line.chars().take(SHOWN).map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_in_one_line_and_in_three() {
        let source = Source::new(Path::new("dir/ema.rhai"), "let a = 1;\n\tlet b = a + c;\n");
        let problem = source.problem(Position::new(2, 14), "`c` is not known");
        assert_eq!(problem.to_string(), "`c` is not known\n  |\n2 | \tlet b = a + c;\n  | \t            ^");
        let line = source.one_line(&problem);
        assert_eq!(line, "ema.rhai:2:14: `c` is not known, in `let b = a + c;`");
        assert_eq!(source.excerpt_of(&line), Some(problem.excerpt));
        assert_eq!(source.excerpt_of("some other message"), None);
        let nowhere = source.problem(Position::NONE, "lost");
        assert_eq!(
            (source.one_line(&nowhere).as_str(), nowhere.to_string().as_str()),
            ("ema.rhai: lost", "lost")
        );
    }

    #[test]
    fn a_place_behind_the_end_is_no_panic() {
        let source = Source::new(Path::new(""), "");
        assert_eq!(source.problem(Position::new(9, 9), "x").excerpt, "  |\n9 | \n  | ^");
    }
}
