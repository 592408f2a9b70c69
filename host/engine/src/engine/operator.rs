//! Commands of the operator: halt, reduce, resume and the kill switch, each executed in one step.

use cryptobot_model::{StrategyId, Timestamp};
use cryptobot_risk::{Command, CommandError, Scope};

use super::Engine;
use crate::feed::NEVER;
use crate::recorder::{Entry, Recorder};
use crate::venue::Venue;

/// A command and when it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorCommand {
    /// Event time. One before the first bar closes is executed in the first step.
    pub at: Timestamp,
    /// The portfolio, or one of its strategies.
    pub scope: Scope,
    /// What is to be done.
    pub command: Command,
}

/// A command that was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedCommand {
    /// The command.
    pub given: OperatorCommand,
    /// Why.
    pub error: CommandError,
}

/// The operator of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    /// Not given yet, the next one last.
    due: Vec<OperatorCommand>,
    /// Whose positions stay closed until they are resumed: orders that were under way may still be filled.
    flattened: Vec<Scope>,
    pub(super) refused: Vec<RefusedCommand>,
}

impl Operator {
    pub(super) fn new(mut commands: Vec<OperatorCommand>, first_step: Timestamp) -> Self {
        for given in &mut commands {
            given.at = given.at.max(first_step);
        }
        // Of commands of one time the first stated is the first given.
        commands.reverse();
        commands.sort_by_key(|given| std::cmp::Reverse(given.at));
        Self { due: commands, ..Self::default() }
    }

    /// When the next command is given.
    pub(super) fn next(&self) -> Timestamp {
        self.due.last().map_or(NEVER, |given| given.at)
    }

    /// When the operator has to look at what was reported at `now`.
    pub(super) fn after_fills(&self, now: Timestamp) -> Timestamp {
        if self.flattened.is_empty() { NEVER } else { now }
    }

    fn flattens(&self, strategy: StrategyId) -> bool {
        self.flattened
            .iter()
            .any(|scope| matches!(scope, Scope::Portfolio) || *scope == Scope::Strategy(strategy))
    }

    fn remember(&mut self, scope: Scope, command: Command) {
        let is_within = |flattened: &Scope| scope == Scope::Portfolio || *flattened == scope;
        match command {
            Command::Resume => self.flattened.retain(|flattened| !is_within(flattened)),
            Command::Kill { flatten: true } if !self.flattened.contains(&scope) => self.flattened.push(scope),
            _ => {}
        }
    }
}

impl<V: Venue> Engine<V> {
    /// Commands that the operator will give in this run. To be called after [`Engine::with_limits`] and before the run.
    #[must_use]
    pub fn with_commands(mut self, commands: Vec<OperatorCommand>) -> Self {
        if !commands.is_empty() {
            self.risk.track();
            self.operator = Operator::new(commands, self.next_close);
            self.next_event = self.next_event.min(self.operator.next());
        }
        self
    }

    /// Lets the operator command while the run goes on, by [`Engine::command`]. To be called before the run.
    #[must_use]
    pub fn with_operator(mut self) -> Self {
        self.risk.track();
        self
    }

    /// The operator gives a command now: it is executed in the first step at its time or later.
    pub fn command(&mut self, given: OperatorCommand) {
        // The next one is the last; of commands of one time the first given is the next.
        let place = self.operator.due.partition_point(|other| other.at > given.at);
        self.operator.due.insert(place, given);
        self.next_event = self.next_event.min(self.operator.next());
    }

    /// Executes the commands that are given by now, and closes what was filled after a kill.
    pub(super) fn obey(&mut self, recorder: &mut dyn Recorder) {
        while let Some(given) = self.operator.due.pop_if(|given| given.at <= self.now) {
            self.execute(given, recorder);
        }
        for index in 0..self.slots.len() {
            if self.operator.flattens(self.slots[index].id) {
                self.flatten(index, recorder);
            }
        }
        self.next_event = self.next_event.min(self.operator.next());
    }

    /// Cancels first; closing follows in [`Engine::obey`], in the same step.
    fn execute(&mut self, given: OperatorCommand, recorder: &mut dyn Recorder) {
        let OperatorCommand { scope, command, .. } = given;
        match self.risk.command(self.now, scope, command) {
            Ok(effect) => {
                if let Some(change) = &effect.change {
                    recorder.entry(&Entry::State(change));
                }
                for order in &effect.cancel {
                    self.venue.cancel(order.instrument, order.id, self.now);
                }
                self.operator.remember(scope, command);
            }
            Err(error) => self.operator.refused.push(RefusedCommand { given, error }),
        }
    }
}
