//! Which level is tried next: a pure function of the search and of what was tried so far.

use serde::{Deserialize, Serialize};

use super::evidence::SloEvidence;
use super::judge::{Judged, Judgement, judge};
use super::level::{Level, Levels};

/// How often a level is measured again that is unclear, or whose trial says nothing.
const REPETITIONS: usize = 3;

/// What is searched.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The lowest level, which is tried first.
    pub from: Level,
    /// The highest level.
    pub to: Level,
    /// Which levels there are between them.
    pub levels: Levels,
    /// Most trials.
    pub max_trials: u32,
    /// The probability that a bound of one judgement is wrong: the search's, divided by the number of trials.
    pub alpha: f64,
}

/// Why a level is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// All levels so far pass: is there more?
    Grow,
    /// A level failed: does one above it pass, so that the failure has other reasons than the load?
    LookAbove,
    /// Between a level that passes and one that fails.
    Bisect,
    /// The same level again, which is unclear.
    Repeat,
    /// The answer with another seed.
    Confirm,
    /// A level was not confirmed: a step below it.
    StepDown,
}

/// A trial of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried<'a> {
    /// The level.
    pub level: Level,
    /// Why it was tried.
    pub purpose: Purpose,
    /// What came of it.
    pub evidence: &'a SloEvidence,
}

/// What a search does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This level is to be tried.
    Try {
        /// The level.
        level: Level,
        /// Why.
        purpose: Purpose,
    },
    /// Nothing more.
    End(Ending),
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// What came of it.
    pub outcome: Outcome,
    /// The highest level that keeps the objectives, confirmed; `None` where there is no such level or it is not known.
    pub answer: Option<Level>,
    /// The lowest level that fails; `None` if none does.
    pub boundary: Option<Level>,
    /// The highest level below the boundary that passed, confirmed or not.
    pub highest_pass: Option<Level>,
    /// What else there is to say; `None` if nothing.
    pub reason: Option<String>,
}

/// What came of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The highest level that keeps the objectives, with one at most a step above it that does not.
    Found,
    /// Every level keeps the objectives, up to the highest.
    AllPass,
    /// Not even the lowest level keeps the objectives.
    NonePasses,
    /// A level passes above one that fails: the boundary is that of the lowest one that fails.
    NonMonotone,
    /// The search had no trials left.
    Undecided,
    /// The trials of a level said nothing about the service: the client was at its limits, or they failed.
    ClientLimit,
}

impl Outcome {
    /// The outcome's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::AllPass => "all_pass",
            Self::NonePasses => "none_passes",
            Self::NonMonotone => "non_monotone",
            Self::Undecided => "undecided",
            Self::ClientLimit => "client_limit",
        }
    }

    /// Whether the question was answered.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Found | Self::AllPass)
    }
}

/// A level with its repetitions, judged together.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// The level.
    pub level: Level,
    /// Why it was tried.
    pub purpose: Purpose,
    /// Number of its trials.
    pub trials: usize,
    /// What they say.
    pub judged: Judged,
}

impl Search {
    /// The levels tried so far with their repetitions.
    pub fn rounds(&self, tried: &[Tried<'_>]) -> Vec<Round> {
        let rounds = tried.chunk_by(|_, next| next.purpose == Purpose::Repeat);
        rounds.filter_map(|trials| self.round(trials)).collect()
    }

    fn round(&self, trials: &[Tried<'_>]) -> Option<Round> {
        let first = trials.first()?;
        let evidence: Vec<&SloEvidence> = trials.iter().map(|trial| trial.evidence).collect();
        let mut judged = judge(&evidence, self.alpha);
        if judged.judgement == Judgement::Unclear && trials.len() > REPETITIONS {
            judged.judgement = Judgement::Undecided;
        }
        Some(Round {
            level: first.level,
            purpose: first.purpose,
            trials: trials.len(),
            judged,
        })
    }

    /// What to do after these trials.
    pub fn next(&self, tried: &[Tried<'_>]) -> Next {
        let rounds = self.rounds(tried);
        let found = Found::by(&rounds);
        let next = match rounds.last().filter(|round| round.purpose != Purpose::LookAbove) {
            Some(last) => Self::again(last, &found),
            None => None,
        };
        match next.unwrap_or_else(|| self.onward(&rounds, &found)) {
            Next::Try { .. } if tried.len() >= self.max_trials as usize => {
                let reason = format!("all of {} trials were made", self.max_trials);
                found.end(Outcome::Undecided, None, Some(reason))
            }
            next => next,
        }
    }

    /// The last level again, if its trials do not say enough.
    fn again(last: &Round, found: &Found) -> Option<Next> {
        let repeat = Next::Try {
            level: last.level,
            purpose: Purpose::Repeat,
        };
        match last.judged.judgement {
            Judgement::Unusable if last.trials > REPETITIONS => {
                let reason = last.judged.because.clone();
                Some(found.end(Outcome::ClientLimit, None, reason))
            }
            Judgement::Unclear | Judgement::Unusable => Some(repeat),
            Judgement::Passes | Judgement::Fails | Judgement::Undecided => None,
        }
    }

    /// The next step, after levels that are all judged.
    fn onward(&self, rounds: &[Round], found: &Found) -> Next {
        let attempt = |level, purpose| Next::Try { level, purpose };
        let Some(boundary) = found.boundary else {
            let Some(highest) = found.highest_pass else {
                return attempt(self.from, Purpose::Grow);
            };
            return match self.levels.grown(highest, self.to) {
                Some(level) => attempt(level, Purpose::Grow),
                None if found.is_confirmed => found.end(Outcome::AllPass, Some(highest), None),
                None => attempt(highest, Purpose::Confirm),
            };
        };
        let looked_above = rounds.iter().any(|round| round.purpose == Purpose::LookAbove);
        if let Some(above) = self.levels.grown(boundary, self.to)
            && !looked_above
        {
            return attempt(above, Purpose::LookAbove);
        }
        let outcome = |usual| {
            if found.passes_above {
                Outcome::NonMonotone
            } else {
                usual
            }
        };
        let Some(highest) = found.highest_pass else {
            return found.end(outcome(Outcome::NonePasses), None, None);
        };
        if found.is_stepping_down {
            let below = self.levels.below(boundary, self.from);
            if below > highest {
                return attempt(below, Purpose::StepDown);
            }
        } else if let Some(middle) = self.levels.between(highest, boundary) {
            return attempt(middle, Purpose::Bisect);
        }
        if found.is_confirmed {
            found.end(outcome(Outcome::Found), Some(highest), None)
        } else {
            attempt(highest, Purpose::Confirm)
        }
    }
}

/// What the levels tried so far say together.
struct Found {
    /// The lowest level that failed, if one did.
    boundary: Option<Level>,
    /// The highest level that passed and never failed, below the boundary.
    highest_pass: Option<Level>,
    /// Whether that level was measured after it had been chosen, and passed.
    is_confirmed: bool,
    /// Whether a level above the boundary passed.
    passes_above: bool,
    /// Whether the boundary is a level that was not confirmed, or a step below one.
    is_stepping_down: bool,
}

impl Found {
    fn by(rounds: &[Round]) -> Self {
        let passes = |round: &&Round| round.judged.judgement == Judgement::Passes;
        // What is above a failure is looked at for passes only.
        let fails =
            |round: &&Round| round.judged.judgement.is_failure() && round.purpose != Purpose::LookAbove;
        let lowest = |a: &Round, b: &Round| a.level.0.total_cmp(&b.level.0);
        let failed = rounds.iter().filter(fails).min_by(|a, b| lowest(a, b));
        let boundary = failed.map(|round| round.level);
        let is_below = |level: Level| boundary.is_none_or(|boundary| level < boundary);
        let below = rounds.iter().filter(passes).filter(|round| is_below(round.level));
        let highest_pass = below.max_by(|a, b| lowest(a, b)).map(|round| round.level);
        let is_fresh = |round: &Round| matches!(round.purpose, Purpose::Confirm | Purpose::StepDown);
        Self {
            boundary,
            highest_pass,
            is_confirmed: rounds
                .iter()
                .filter(passes)
                .any(|round| Some(round.level) == highest_pass && is_fresh(round)),
            passes_above: rounds.iter().filter(passes).any(|round| {
                boundary.is_some_and(|boundary| round.level > boundary) && !failed_later(rounds, round)
            }),
            is_stepping_down: rounds
                .iter()
                .filter(fails)
                .any(|round| Some(round.level) == boundary && is_fresh(round)),
        }
    }

    fn end(&self, outcome: Outcome, answer: Option<Level>, reason: Option<String>) -> Next {
        Next::End(Ending {
            outcome,
            answer,
            boundary: self.boundary,
            highest_pass: self.highest_pass,
            reason,
        })
    }
}

/// Whether a level that passed was not confirmed.
fn failed_later(rounds: &[Round], passed: &Round) -> bool {
    rounds
        .iter()
        .any(|round| round.level == passed.level && round.judged.judgement.is_failure())
}
