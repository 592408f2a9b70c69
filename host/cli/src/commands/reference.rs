//! The reference of all commands, from their definitions.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use crate::args::Arguments;

/// `docs/src/reference/commands.md`.
pub(super) fn markdown() -> String {
    let mut out = String::from("# Commands\n\nThis page is generated: `make docs`.\n");
    let mut root = Arguments::command();
    root.build();
    for command in root.get_subcommands().filter(|command| is_shown(command)) {
        describe(command, "host", &mut out);
    }
    out
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn describe(command: &Command, parent: &str, out: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## {name}\n\n{about}.\n");
    let options: Vec<&Arg> = command.get_arguments().filter(|arg| arg.get_id() != "help").collect();
    if !options.is_empty() {
        out.push_str("\n| option | meaning |\n|---|---|\n");
        for option in options {
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(out, "| `{}` | {} |", spelling(option), help.replace('|', "\\|"));
        }
    }
    for inner in command.get_subcommands().filter(|inner| is_shown(inner)) {
        describe(inner, &name, out);
    }
}

/// `--from TIME`, `DIR`.
fn spelling(option: &Arg) -> String {
    let values = option.get_value_names().unwrap_or_default();
    let values = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").replace('|', "\\|");
    match option.get_long() {
        Some(long) if option.get_action().takes_values() => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
        None => values,
    }
}
