//! What the orchestrator's own process does outside of the state machine: the bus, the merging of shares, the check.

use hpcbench_core::event::{BusExited, BusStarted, StateVerified};
use hpcbench_core::{Attempt, Command, Effect, Measured, Seq, TrialId};

use super::{Bus, Fault, Happening, Point, World};

impl World {
    pub(super) fn carry_out(&mut self, seq: Seq, effect: Effect) {
        match effect {
            Effect::StartBus { launch } => self.start_bus(launch),
            Effect::LaunchAgent { node, role, launch } => self.launch_agent(&node, role, launch),
            Effect::KillAgent { node } => self.end_agent(&node, "signal 9 (SIGKILL)"),
            Effect::Send { node, command, .. } => {
                // What is sent without a bus is lost: the worst that a sender could do.
                if matches!(self.bus, Bus::Up(_)) {
                    self.tell(&node, command.clone());
                    self.tell(&node, command);
                }
            }
            Effect::Measure { trial, attempt, .. } => self.measure(seq, trial, attempt),
            Effect::CheckState { through } => {
                let first = !std::mem::replace(&mut self.verified, true);
                assert!(first, "the state is checked twice:\n{}", self.story());
                let equal = self.folded() == self.state;
                let verified = StateVerified {
                    through,
                    equal,
                    sha256: "4".repeat(64),
                };
                self.after(1, Happening::Command(Command::StateChecked(verified), Some(seq)));
            }
            Effect::Finish { exit_code } => self.finished = Some(exit_code),
        }
    }

    fn start_bus(&mut self, launch: u32) {
        let fault = (self.luck)(&Point::Bus(launch));
        let reason = "no nats-server on PATH".to_owned();
        match fault {
            Fault::Silent | Fault::Freezes => return,
            Fault::Fails => {
                return self.after(
                    10,
                    Happening::Command(Command::BusDown(BusExited { reason }), None),
                );
            }
            Fault::EndsAfter(delay) => self.after(delay, Happening::EndBus(launch)),
            Fault::None | Fault::Late(_) => {}
        }
        self.bus = Bus::Up(launch);
        let up = BusStarted {
            url: "nats://127.0.0.1:4222".to_owned(),
            pid: 5,
            version: "2.12.0".to_owned(),
        };
        self.after(10, Happening::Command(Command::BusUp(up), None));
        for (node, report) in std::mem::take(&mut self.held) {
            self.after(20, Happening::Arrive(node, report));
        }
    }

    fn measure(&mut self, seq: Seq, trial: TrialId, attempt: Attempt) {
        let first = self.measured.insert((trial.clone(), attempt));
        assert!(
            first,
            "attempt {attempt} of {trial} is measured twice:\n{}",
            self.story()
        );
        let fault = (self.luck)(&Point::Measure(trial.clone(), attempt));
        let result = match fault {
            Fault::Silent | Fault::Freezes => return,
            Fault::Fails => Err("an aggregate cannot be read".to_owned()),
            _ => (self.results)(&trial, attempt),
        };
        let measured = Measured {
            trial,
            attempt,
            result,
            log_tail: vec!["served".to_owned()],
        };
        self.after(30, Happening::Command(Command::Measured(measured), Some(seq)));
    }
}
