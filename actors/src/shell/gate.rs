//! Which commands an agent carries out.

use std::collections::BTreeSet;

use hpcbench_core::Epoch;
use hpcbench_core::message::AgentCommand;

/// Refuses commands of an earlier epoch, and those that were carried out already.
#[derive(Debug, Clone)]
pub struct Gate {
    epoch: Epoch,
    // Grows with the commands of one epoch, a few for each trial: bounded by the trials of a plan, MAX_TRIALS, and the
    // attempts that each has.
    taken: BTreeSet<String>,
}

/// What to do with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Carry it out.
    New,
    /// It was carried out: answer as then.
    Repeated,
    /// It comes from an orchestrator that has been replaced.
    Outdated {
        /// The highest epoch seen.
        highest: Epoch,
    },
}

impl Gate {
    /// A gate for an agent that was started in this epoch.
    pub const fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            taken: BTreeSet::new(),
        }
    }

    /// The highest epoch seen.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Judges a command and remembers it.
    pub fn admit(&mut self, command: &AgentCommand) -> Admission {
        if command.epoch < self.epoch {
            return Admission::Outdated { highest: self.epoch };
        }
        if command.epoch > self.epoch {
            self.epoch = command.epoch;
            self.taken.clear();
        }
        if self.taken.insert(command.id.clone()) {
            Admission::New
        } else {
            Admission::Repeated
        }
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_core::Seq;
    use hpcbench_core::message::CommandBody;

    use super::*;

    fn command(epoch: u32, id: &str) -> AgentCommand {
        AgentCommand {
            id: id.to_owned(),
            epoch: Epoch(epoch),
            cause: Seq(1),
            body: CommandBody::Collect,
        }
    }

    #[test]
    fn each_command_is_carried_out_once_and_none_of_an_earlier_epoch() {
        let mut gate = Gate::new(Epoch(1));
        assert_eq!(gate.admit(&command(1, "a")), Admission::New);
        assert_eq!(gate.admit(&command(1, "a")), Admission::Repeated);
        assert_eq!(gate.admit(&command(2, "a")), Admission::New);
        assert_eq!(
            gate.admit(&command(1, "b")),
            Admission::Outdated { highest: Epoch(2) }
        );
    }
}
