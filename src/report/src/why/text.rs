//! The chain as a person reads it.

use std::fmt::Write as _;

use hpcbench_core::Timestamp;
use hpcbench_core::event::Event;

use super::first::first_cause;
use crate::live::EventLines;
use crate::words::{Colour, Style, clock, date, one_line, push_wrapped};

/// The events that led to the last of them, a row each from the first cause on: its number, when it happened, its type,
/// who says so, and what it says. Times are since `began`, when the run did.
pub fn why_text(chain: &[Event], began: Timestamp, lines: &EventLines, style: Style) -> String {
    let mut text = String::new();
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        return text;
    };
    let cause = one_line(&first_cause(first));
    push_wrapped(&mut text, "first cause: ", &cause, style.width);
    if let Some(missing) = first.causation {
        let _ = writeln!(
            text,
            "event {} names event {missing} as its cause, which is no earlier one",
            first.seq
        );
    }
    let _ = writeln!(text, "times are since {}\n", date(began));
    let rows: Vec<Row> = chain.iter().map(|event| Row::of(event, began, lines)).collect();
    let widths = Widths::of(&rows);
    widths.push_titles(&mut text, style);
    for (row, event) in rows.iter().zip(chain) {
        let mark = match (event.seq == first.seq, event.seq == last.seq) {
            (true, true) => ' ',
            (true, false) => '┌',
            (false, false) => '│',
            (false, true) => '└',
        };
        widths.push_row(&mut text, mark, row, style);
    }
    text
}

struct Row {
    seq: String,
    time: String,
    kind: String,
    by: String,
    says: String,
}

impl Row {
    fn of(event: &Event, began: Timestamp, lines: &EventLines) -> Self {
        let node = event.node.as_ref().filter(|node| node.as_str() != event.actor);
        Self {
            seq: event.seq.to_string(),
            time: clock(event.at.seconds_since(began)),
            kind: one_line(event.body.kind()),
            by: one_line(&node.map_or_else(
                || event.actor.clone(),
                |node| format!("{} on {node}", event.actor),
            )),
            says: lines.tell(event),
        }
    }
}

/// Columns.
struct Widths {
    seq: usize,
    time: usize,
    kind: usize,
    by: usize,
}

impl Widths {
    fn of(rows: &[Row]) -> Self {
        let widest = |title: &str, of: fn(&Row) -> &str| {
            let widths = rows.iter().map(|row| of(row).chars().count());
            widths.max().unwrap_or(0).max(title.len())
        };
        Self {
            seq: widest("SEQ", |row| &row.seq),
            time: widest("TIME", |row| &row.time),
            kind: widest("EVENT", |row| &row.kind),
            by: widest("BY", |row| &row.by),
        }
    }

    fn push_titles(&self, text: &mut String, style: Style) {
        let titles = self.columns(' ', ["SEQ", "TIME", "EVENT", "BY"]);
        text.push_str(&style.paint(Colour::Dim, &format!("{titles}WHAT HAPPENED")));
        text.push('\n');
    }

    fn push_row(&self, text: &mut String, mark: char, row: &Row, style: Style) {
        let columns = self.columns(mark, [&row.seq, &row.time, &row.kind, &row.by]);
        let mut block = String::new();
        push_wrapped(&mut block, &columns, &row.says, style.width);
        text.push_str(block.trim_end());
        text.push('\n');
    }

    fn columns(&self, mark: char, [seq, time, kind, by]: [&str; 4]) -> String {
        let Self {
            seq: seq_width,
            time: time_width,
            kind: kind_width,
            by: by_width,
        } = self;
        format!("{mark} {seq:>seq_width$}  {time:>time_width$}  {kind:kind_width$}  {by:by_width$}  ")
    }
}
