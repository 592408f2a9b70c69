//! The log.

use cryptobot_engine::LogLevel;
use rhai::{Dynamic, ImmutableString as Text, NativeCallContext};

use super::{Api, Function, Given};
use crate::context::{Answer, Context};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "info(text)",
        doc: "Writes a line into the log of the run. Values are put into a text by `${…}` between back quotes. `print` \
              does the same.",
    },
    Function { call: "warn(text)", doc: "As `info`, for what is odd." },
    Function { call: "error(text)", doc: "As `info`, for what failed." },
];

pub(super) fn register(api: &mut Api<'_>) {
    for (name, level) in [("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)] {
        api.names.insert(name);
        let context = std::rc::Rc::clone(&api.context);
        let write = move |call: NativeCallContext, mut value: Dynamic| -> Given<()> {
            let text = as_text(&call, &mut value)?;
            Ok(line(&mut context.borrow_mut(), level, &text)?)
        };
        api.engine.register_fn(name, write);
    }
    for (level, debug) in [(LogLevel::Info, false), (LogLevel::Debug, true)] {
        let context = std::rc::Rc::clone(&api.context);
        let write = move |text: &str| {
            let context = &mut context.borrow_mut();
            // The interpreter takes no error here; the fault is found when the callback has ended.
            if let Err(crate::context::Stop::Fault(fault)) = line(context, level, text) {
                context.fault.get_or_insert(fault);
            }
        };
        if debug {
            api.engine.on_debug(move |text, _, _| write(text));
        } else {
            api.engine.on_print(write);
        }
    }
}

/// A value as the language shows it.
fn as_text(call: &NativeCallContext, value: &mut Dynamic) -> Given<Text> {
    if let Some(text) = value.read_lock::<Text>() {
        return Ok(text.clone());
    }
    call.call_native_fn_raw("to_string", true, &mut [value]).map(|text| text.to_string().into())
}

fn line(context: &mut Context, level: LogLevel, text: &str) -> Answer<()> {
    let end = text.floor_char_boundary(context.desk.limits().log_line_bytes);
    let printable: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(context.desk.log(level, &printable)?)
}
