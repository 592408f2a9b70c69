//! One instance of a strategy takes over from another: in a swap from a running one, after a fault from a dead one.

use cryptobot_model::Timestamp;

use crate::desk::Before;
use crate::fault::{Fault, FaultKind};
use crate::strategy::Strategy;
use crate::version::Version;

/// The state of a strategy, in its own format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Version of the format.
    pub version: u32,
    /// The state.
    pub bytes: Vec<u8>,
}

/// The state of a running strategy. What it asks for meanwhile is forgotten and what it draws is drawn again, so that
/// nothing but the strategy itself could behave differently afterwards.
///
/// # Errors
/// The fault of the strategy, after which it cannot go on; one of kind [`FaultKind::Refused`] is none of its own: the
/// state is larger than the desk's limits allow, and the strategy goes on.
pub fn snapshot(strategy: &mut dyn Strategy, version: u32, now: Timestamp) -> Result<State, Fault> {
    let desk = strategy.desk();
    let (before, most) = (desk.before(), desk.limits().state_bytes);
    desk.begin(now);
    let taken = strategy.snapshot();
    strategy.desk().forget_since(&before);
    let bytes = taken?;
    if bytes.len() > most {
        let message = format!("its state has {} bytes; at most {most} are moved", bytes.len());
        return Err(Fault::new(FaultKind::Refused, message));
    }
    Ok(State { version, bytes })
}

/// Lets `heir`, which was just made of `version`, take over the desk of `running`: `init`, then `restore` where there is
/// a state. Orders are refused in both; account, open orders, timers, order ids and the random position stay; indicators
/// of the same kind, series and parameters carry on, others are computed over the bars that are kept.
///
/// With a state, what `init` asks for is forgotten: the state knows of what was there before. What `restore` asks for
/// stays on the desk, which accepts no orders yet.
///
/// Returns the instance that is left over: the old one, or the heir with its fault, and then the old one has its desk as
/// it was. The limits of the desk are those of `version` from `init` on; a state that is larger than they allow is
/// refused.
pub fn take_over(
    running: &mut Box<dyn Strategy>,
    mut heir: Box<dyn Strategy>,
    version: &Version,
    state: Option<&State>,
    now: Timestamp,
) -> (Box<dyn Strategy>, Result<(), Fault>) {
    let mut desk = running.desk().hand_over();
    desk.begin(now);
    desk.begin_succession(version);
    let before = desk.before();
    *heir.desk() = desk;
    match begin(heir.as_mut(), state, &before) {
        Ok(()) => {
            heir.desk().settle_succession();
            (std::mem::replace(running, heir), Ok(()))
        }
        Err(fault) => {
            let mut desk = heir.desk().hand_over();
            desk.roll_back_succession(&before);
            *running.desk() = desk;
            (heir, Err(fault))
        }
    }
}

fn begin(heir: &mut dyn Strategy, state: Option<&State>, before: &Before) -> Result<(), Fault> {
    heir.init()?;
    let Some(state) = state else { return Ok(()) };
    let most = heir.desk().limits().state_bytes;
    if state.bytes.len() > most {
        let message = format!("the state has {} bytes; this version may have {most}", state.bytes.len());
        return Err(Fault::new(FaultKind::Refused, message));
    }
    heir.desk().forget_since(before);
    let now = heir.desk().now;
    heir.desk().begin(now);
    heir.restore(state.version, &state.bytes)?;
    heir.desk().redraw_since(before);
    Ok(())
}
