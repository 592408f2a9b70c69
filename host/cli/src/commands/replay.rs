//! `host replay`.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cryptobot_run::ExitCode;
use cryptobot_run::replay::{Difference, Replayed, replay};

use crate::args::Format;
use crate::args::replay::ReplayArguments;
use crate::commands::CommandError;
use crate::commands::run::{environment, interruption};
use crate::output;
use crate::progress::Progress;

pub(super) fn run(arguments: &ReplayArguments, started: Instant) -> Result<ExitCode, CommandError> {
    let interrupted = interruption();
    let mut progress: Option<Progress> = None;
    let environment = environment(None, false, started);
    let replayed = replay(&arguments.run, arguments.data.as_deref(), &environment, &mut |at| {
        progress.get_or_insert_with(|| Progress::new(at.expected_bars)).show(&at);
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(mut progress) = progress {
        progress.clear();
    }
    let replayed = replayed?;
    match arguments.format {
        Format::Json => output::print(serde_json::to_string_pretty(&replayed)?)?,
        Format::Human => {
            output::print(for_people(&replayed).trim_end())?;
            replayed.warnings.iter().for_each(|warning| output::complain(format_args!("warning: {warning}")));
        }
    }
    Ok(if replayed.is_equal() { ExitCode::Done } else { ExitCode::Failed })
}

fn for_people(replayed: &Replayed) -> String {
    let Replayed { run, source, bars, intents, differing_intents, .. } = replayed;
    let mut text = format!("{}: {bars} bars again from its {source}\n", run.display());
    // Writing to a String cannot fail.
    if replayed.cut_off {
        let _ = writeln!(text, "the run was cut off: compared is what was written of it until then");
    }
    let _ = match differing_intents {
        0 => writeln!(text, "all {intents} intents are the same"),
        differing => writeln!(text, "{differing} of {intents} intents differ"),
    };
    replayed.differences.iter().for_each(|difference| tell(&mut text, "intent", difference));
    if replayed.is_equal() {
        let hash = &replayed.journal_sha256;
        let reach = if replayed.cut_off { " as far as it goes" } else { "" };
        let _ = writeln!(text, "the journal is the same{reach}: {hash}");
    } else {
        let _ = writeln!(text, "the journal is another one: {}", replayed.replayed_sha256);
        if let Some(first) = &replayed.first_difference {
            tell(&mut text, "first at entry", first);
        }
    }
    text
}

fn tell(text: &mut String, what: &str, difference: &Difference) {
    let [recorded, replayed] =
        [&difference.recorded, &difference.replayed].map(|entry| entry.as_deref().unwrap_or("nothing"));
    let _ = writeln!(text, "{what} {}\n  recorded  {recorded}\n  replayed  {replayed}", difference.number);
}
