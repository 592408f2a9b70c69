//! `host doctor`.

use cryptobot_doctor::{Diagnosis, Places, State, examine, mebibytes};
use cryptobot_plugin::{cache_folder, plugin_folders};
use cryptobot_run::ExitCode;
use cryptobot_wasm::{Evict, evict_plugins};

use crate::args::{Clean, DoctorArguments, Format};
use crate::commands::CommandError;
use crate::output::{complain, print};

pub(super) fn run(arguments: DoctorArguments) -> Result<ExitCode, CommandError> {
    let cache = cache_folder();
    if let (Some(clean), Some(dir)) = (arguments.clean, &cache) {
        let which = match clean {
            Clean::Stale => Evict::Stale,
            Clean::All => Evict::All,
        };
        let removed = evict_plugins(dir, which)?;
        complain(format_args!("removed {} compiled plugins, {}", removed.files, mebibytes(removed.bytes)));
    }
    let diagnosis = examine(&Places { data: arguments.data, cache, plugins: plugin_folders() });
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&diagnosis)?)?,
        Format::Human => show(&diagnosis)?,
    }
    Ok(if diagnosis.ok { ExitCode::Done } else { ExitCode::Failed })
}

fn show(diagnosis: &Diagnosis) -> std::io::Result<()> {
    for finding in &diagnosis.findings {
        let word = match finding.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Optional => "optional",
            State::Missing => "missing",
        };
        print(format_args!("{word:<9} {:<10} {}", finding.name, finding.found))?;
        if let Some(fix) = &finding.fix {
            print(format_args!("{:<9} {:<10} fix: {fix}", "", ""))?;
        }
    }
    let missing = diagnosis.findings.iter().filter(|finding| finding.state == State::Missing).count();
    print(match missing {
        0 => "nothing that is needed is missing".to_owned(),
        1 => "1 thing that is needed is missing".to_owned(),
        _ => format!("{missing} things that are needed are missing"),
    })
}
