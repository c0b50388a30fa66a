//! A search as a table for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use hpcbench_stats::search::{JudgedObjective, Judgement, Purpose};

use super::{LevelReport, SearchReport, in_words};
use crate::run::RunView;
use crate::words::{Colour, Style, one_line, push_wrapped};

/// Columns between two columns of the table.
const GAP: u16 = 2;
/// Place of the judgement among the columns.
const JUDGEMENT: usize = 3;

/// Adds the levels that the run's search has tried, and what came of it; nothing if the run is no search.
pub(crate) fn push(text: &mut String, view: &RunView, style: Style) {
    let Some(report) = SearchReport::of(view) else {
        return;
    };
    let name = report.parameter.rsplit('.').next().unwrap_or(report.parameter);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        name,
        "tried",
        "trials",
        "judgement",
        "objective",
        "broken by",
        "surely between",
        "may be",
    ]);
    for level in &report.levels {
        add(&mut table, level);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { GAP }, 0));
        if !matches!(index, 1 | JUDGEMENT | 4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    text.push_str("\nsearch\n");
    for line in table.lines() {
        text.push_str(&painted(line.trim_end(), style));
        text.push('\n');
    }
    let ending = view
        .state
        .search
        .as_ref()
        .and_then(|search| search.ending.as_ref());
    let words = match ending {
        Some(ending) => in_words(ending, name),
        None => "the search has not ended".to_owned(),
    };
    text.push('\n');
    push_wrapped(text, "", &one_line(&words), style.width);
}

/// One line for each objective; a level without any has one too.
fn add(table: &mut Table, level: &LevelReport<'_>) {
    let judged = &level.judged;
    let said = match &judged.because {
        Some(because) if judged.judgement != Judgement::Unusable => {
            format!("{}: {because}", judged.judgement.as_str())
        }
        _ => judged.judgement.as_str().to_owned(),
    };
    let about = [
        level.level.to_string(),
        purpose(level.purpose).to_owned(),
        level.trials.len().to_string(),
        said,
    ];
    let mut objectives = judged.objectives.iter();
    table.add_row(about.into_iter().chain(numbers(objectives.next())).map(Cell::new));
    for objective in objectives {
        let blank = std::iter::repeat_n(String::new(), JUDGEMENT + 1);
        table.add_row(blank.chain(numbers(Some(objective))).map(Cell::new));
    }
}

fn numbers(objective: Option<(&String, &JudgedObjective)>) -> [String; 4] {
    let Some((name, JudgedObjective { tolerated, bounds })) = objective else {
        return ["-"; 4].map(str::to_owned);
    };
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    [
        name.clone(),
        format!("{} %", percent(bounds.share)),
        format!("{} and {} %", percent(bounds.lower), percent(bounds.upper)),
        format!("{} %", percent(*tolerated)),
    ]
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Grow => "growing",
        Purpose::LookAbove => "looking above",
        Purpose::Bisect => "between",
        Purpose::Repeat => "again",
        Purpose::Confirm => "to confirm",
        Purpose::StepDown => "a step below",
    }
}

/// The line with its judgement in a colour.
fn painted(line: &str, style: Style) -> String {
    let judgements = [
        (Judgement::Passes, Colour::Good),
        (Judgement::Fails, Colour::Bad),
        (Judgement::Undecided, Colour::Doubtful),
        (Judgement::Unclear, Colour::Doubtful),
        (Judgement::Unusable, Colour::Doubtful),
    ];
    let found = judgements
        .into_iter()
        .find(|(judgement, _)| line.contains(&format!(" {}", judgement.as_str())));
    match found {
        Some((judgement, colour)) => {
            let word = judgement.as_str();
            line.replacen(word, &style.paint(colour, word), 1)
        }
        None => line.to_owned(),
    }
}
