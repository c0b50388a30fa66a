//! What a table says about one trial.

use hpcbench_core::state::TrialStatus;
use hpcbench_stats::{TrialSummary, VerdictStatus};
use serde_json::Value;

use crate::run::{RunView, Settled, TrialView};
use crate::words::{Colour, ParameterNames, shown};

/// A trial in a table.
pub(crate) struct Row<'a> {
    /// Short name and value of each parameter; the same names in every row.
    pub(super) parameters: Vec<Parameter>,
    /// What it is called below the table.
    pub(crate) title: String,
    /// How it stands.
    pub(crate) standing: Standing<'a>,
}

/// A parameter of a trial.
pub(crate) struct Parameter {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_number: bool,
}

/// How a trial stands.
pub(crate) enum Standing<'a> {
    /// It has a result.
    Settled(&'a Settled),
    /// An attempt was begun; the log alone cannot tell whether anybody goes on with it.
    Unfinished,
    /// The latest attempt was cut short, for this reason.
    Interrupted(&'a str),
    /// It was never attempted.
    NotRun,
}

impl<'a> Row<'a> {
    /// The rows of a run's trials, in the plan's order.
    pub(crate) fn all(view: &'a RunView) -> Vec<Self> {
        let names = ParameterNames::of(&view.plan);
        let repeated = view.trials().any(|trial| trial.plan.repetition > 1);
        view.trials()
            .map(|trial| Self::of(trial, &names, repeated))
            .collect()
    }

    fn of(trial: TrialView<'a>, names: &ParameterNames, repeated: bool) -> Self {
        let parameter = |(path, name): (&str, &str)| {
            let value = trial.plan.parameters.get(path);
            Parameter {
                name: name.to_owned(),
                value: value.map_or_else(|| "-".to_owned(), shown),
                is_number: value.is_some_and(Value::is_number),
            }
        };
        let mut parameters: Vec<Parameter> = names.iter().map(parameter).collect();
        if repeated {
            parameters.push(Parameter {
                name: "repetition".to_owned(),
                value: trial.plan.repetition.to_string(),
                is_number: true,
            });
        }
        let pairs = parameters.iter().map(|p| format!("{}={}", p.name, p.value));
        let title = pairs.collect::<Vec<_>>().join(", ");
        Self {
            title: if title.is_empty() {
                trial.plan.id.to_string()
            } else {
                title
            },
            parameters,
            standing: Standing::of(trial),
        }
    }

    /// The numbers, if there is a result.
    pub(super) fn summary(&self) -> Option<&'a TrialSummary> {
        match self.standing {
            Standing::Settled(settled) => Some(&settled.summary),
            _ => None,
        }
    }
}

impl<'a> Standing<'a> {
    fn of(trial: TrialView<'a>) -> Self {
        if let Some(settled) = trial.settled {
            return Self::Settled(settled);
        }
        match trial.trial.map(|trial| &trial.status) {
            Some(TrialStatus::Running(_)) => Self::Unfinished,
            Some(TrialStatus::Interrupted { reason }) => Self::Interrupted(reason),
            _ => Self::NotRun,
        }
    }

    /// The verdict, or why there is none.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Settled(settled) => settled.summary.verdict.status.as_str(),
            Self::Unfinished => "unfinished",
            Self::Interrupted(_) => "interrupted",
            Self::NotRun => "not run",
        }
    }

    pub(crate) fn colour(&self) -> Colour {
        match self {
            Self::Settled(settled) => match settled.summary.verdict.status {
                VerdictStatus::Valid => Colour::Good,
                VerdictStatus::Suspect | VerdictStatus::ClientBound => Colour::Doubtful,
                VerdictStatus::Invalid => Colour::Bad,
            },
            Self::Interrupted(_) => Colour::Doubtful,
            Self::Unfinished | Self::NotRun => Colour::Dim,
        }
    }
}
