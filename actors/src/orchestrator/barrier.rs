//! How far apart an attempt's clients may have begun.
//!
//! Clients begin a fixed time after they are told to, each by its own clock. When a client was told nobody knows, but it lies
//! between the order and its answer: so two clients began no further apart than the first order and the last answer are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hpcbench_core::message::CommandBody;
use hpcbench_core::{Attempt, NodeId, TrialId};

/// When the clients of the latest attempt were told to begin, and when they had answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Barrier(Arc<Mutex<Orders>>);

#[derive(Debug, Default)]
struct Orders {
    attempt: Option<(TrialId, Attempt)>,
    clients: BTreeMap<NodeId, Order>,
}

#[derive(Debug)]
struct Order {
    given: Instant,
    answered: Option<Instant>,
}

impl Barrier {
    /// Takes note of an order to begin; of no other command.
    pub(super) fn ordered(&self, node: &NodeId, command: &CommandBody, at: Instant) {
        let Some(attempt) = to_begin(command) else { return };
        let mut orders = self.orders();
        if orders.attempt.as_ref() != Some(&attempt) {
            *orders = Orders {
                attempt: Some(attempt),
                ..Orders::default()
            };
        }
        // A repeated order may be the second that the client hears of it.
        let first = Order {
            given: at,
            answered: None,
        };
        orders.clients.entry(node.clone()).or_insert(first);
    }

    /// Takes note of the answer to an order to begin; of no other command's.
    pub(super) fn answered(&self, node: &NodeId, command: &CommandBody, at: Instant) {
        let mut orders = self.orders();
        if orders.attempt != to_begin(command) {
            return;
        }
        if let Some(order) = orders.clients.get_mut(node) {
            order.answered = Some(at);
        }
    }

    /// How far apart the attempt's clients may have begun; `None` with a single one, and where one did not answer.
    pub(super) fn error(&self, trial: &TrialId, attempt: Attempt) -> Option<Duration> {
        let orders = self.orders();
        let known = orders.attempt.as_ref();
        if orders.clients.len() < 2 || known.is_none_or(|known| (&known.0, known.1) != (trial, attempt)) {
            return None;
        }
        let answers: Option<Vec<Instant>> = orders.clients.values().map(|order| order.answered).collect();
        let first = orders.clients.values().map(|order| order.given).min()?;
        Some(answers?.into_iter().max()?.duration_since(first))
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempt that a command begins, if it does.
fn to_begin(command: &CommandBody) -> Option<(TrialId, Attempt)> {
    match command {
        CommandBody::Start { trial, attempt, .. } => Some((trial.clone(), *attempt)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(attempt: u32) -> CommandBody {
        CommandBody::Start {
            trial: trial(),
            attempt: Attempt(attempt),
            delay_ms: 100,
        }
    }

    fn trial() -> TrialId {
        "0123456789ab-r1".parse().unwrap()
    }

    /// What is known of attempt 2, of which these clients were told and answered after so many milliseconds.
    fn error(clients: &[(&str, u64, Option<u64>)]) -> Option<Duration> {
        let (barrier, zero) = (Barrier::default(), Instant::now());
        let at = |ms| zero + Duration::from_millis(ms);
        let node = |name: &str| name.parse::<NodeId>().unwrap();
        barrier.ordered(&node("client-9"), &start(1), zero);
        for (name, given, _) in clients {
            barrier.ordered(&node(name), &start(2), at(*given));
        }
        for (name, _, answered) in clients {
            let Some(answered) = answered else { continue };
            barrier.answered(&node(name), &CommandBody::Collect, at(9_000));
            barrier.answered(&node(name), &start(1), at(9_000));
            barrier.answered(&node(name), &start(2), at(*answered));
        }
        assert_eq!(barrier.error(&trial(), Attempt(1)), None, "it is over");
        barrier.error(&trial(), Attempt(2))
    }

    #[test]
    fn the_first_order_and_the_last_answer_are_its_bounds() {
        let ms = Duration::from_millis;
        let three = [
            ("client-1", 10, Some(14)),
            ("client-2", 11, Some(31)),
            ("client-3", 12, Some(13)),
        ];
        assert_eq!(error(&three), Some(ms(21)));
        // The order was lost once; which of the two the client heard first is not known.
        let repeated = [
            ("client-1", 10, Some(14)),
            ("client-2", 11, Some(311)),
            ("client-2", 300, Some(311)),
        ];
        assert_eq!(error(&repeated), Some(ms(301)));
    }

    #[test]
    fn without_all_answers_nothing_is_known() {
        assert_eq!(error(&[("client-1", 10, Some(14)), ("client-2", 11, None)]), None);
        assert_eq!(error(&[("client-1", 10, Some(14))]), None, "it began with itself");
        assert_eq!(error(&[]), None);
    }
}
