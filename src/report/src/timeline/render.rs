//! The rows as text.

use std::fmt::Write;

use hpcbench_core::Timestamp;
use hpcbench_core::event::RunCreated;

use super::Timeline;
use super::row::{Row, Shape};
use crate::words::{
    Colour, Style, bytes, clock, count, node_name, one_line, push_wrapped, seconds, shell_words,
};

/// Columns of the names in the heading.
const NAME: usize = 9;

/// A row, and whether no more events belong to it.
struct Line<'a> {
    row: &'a Row,
    is_over: bool,
}

/// Columns that depend on the history.
struct Layout {
    /// When the history begins.
    origin: Timestamp,
    time: usize,
    took: usize,
    seq: usize,
    kind: usize,
    style: Style,
}

impl Timeline {
    /// The history as text: who started the run and with what, then the rows with their time since the first event, how
    /// long they took, their events' numbers, the last event's type and what it says.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        if let Some(created) = &self.created {
            push_heading(&mut text, created, style);
        }
        let mut rows: Vec<Line<'_>> = self.rows.iter().map(|row| Line { row, is_over: true }).collect();
        rows.extend(self.open.values().map(|row| Line { row, is_over: false }));
        rows.sort_by_key(|line| line.row.first);
        if let Some(first) = rows.first() {
            let layout = Layout::of(&rows, first.row.from, style);
            layout.push_titles(&mut text);
            for line in &rows {
                layout.push_row(&mut text, line);
            }
        }
        self.push_end(&mut text);
        text
    }

    fn push_end(&self, text: &mut String) {
        if self.files.count > 0 {
            let (files, size) = (count(self.files.count, "file"), bytes(self.files.bytes));
            let _ = writeln!(text, "\n{files} beside the log, {size}");
        }
        if !self.ended {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}the run has not ended here");
        }
    }
}

/// Who started the run and with what.
fn push_heading(text: &mut String, created: &RunCreated, style: Style) {
    let program = &created.program;
    let mut programs = format!("hpcbench {} ({})", program.version, program.revision);
    for (tool, version) in &created.tools {
        let _ = write!(programs, ", {tool} {version}");
    }
    let nodes: Vec<String> = created
        .nodes
        .iter()
        .map(|(node, role)| node_name(node, *role))
        .collect();
    let lines = [
        ("run", format!("{} ({})", created.run, created.name)),
        ("by", format!("{} on {}", created.user, created.host)),
        ("command", shell_words(&created.command_line)),
        ("program", programs),
        ("recipe", format!("SHA-256 {}", created.recipe)),
        (
            "plan",
            format!("{}, SHA-256 {}", count(created.trials, "trial"), created.plan),
        ),
        ("nodes", nodes.join(", ")),
    ];
    for (name, value) in lines {
        push_wrapped(text, &format!("{name:NAME$}"), &one_line(&value), style.width);
    }
    text.push('\n');
}

impl Layout {
    fn of(lines: &[Line<'_>], origin: Timestamp, style: Style) -> Self {
        let widest = |of: &dyn Fn(&Line<'_>) -> usize| lines.iter().map(of).max().unwrap_or_default();
        Self {
            origin,
            time: widest(&|line| clock(line.row.from.seconds_since(origin)).len()),
            took: widest(&|line| line.took().len()).max("TOOK".len()),
            seq: widest(&|line| line.numbers().len()).max("SEQ".len()),
            kind: widest(&|line| {
                if line.row.shape == Shape::Detail {
                    line.row.kind.len()
                } else {
                    0
                }
            }),
            style,
        }
    }

    fn push_titles(&self, text: &mut String) {
        let Self { time, took, seq, .. } = self;
        let titles = format!("{:>time$}  {:>took$}  {:>seq$}  EVENT", "TIME", "TOOK", "SEQ");
        text.push_str(&self.style.paint(Colour::Dim, &titles));
        text.push('\n');
    }

    fn push_row(&self, text: &mut String, line: &Line<'_>) {
        let row = line.row;
        let Self {
            time,
            took: width,
            seq,
            kind,
            ..
        } = self;
        let at = clock(row.from.seconds_since(self.origin));
        let mut columns = format!("{at:>time$}  {:>width$}  {:>seq$}  ", line.took(), line.numbers());
        let words = match row.shape {
            Shape::Epoch => row.text.clone(),
            Shape::Phase => format!("phase {}", row.text),
            Shape::Detail => {
                let name = if row.text.is_empty() {
                    row.kind.clone()
                } else {
                    format!("{:kind$}", row.kind)
                };
                let _ = write!(columns, "  {name}{}", if row.text.is_empty() { "" } else { "  " });
                row.text.clone()
            }
        };
        let mut block = String::new();
        push_wrapped(&mut block, &columns, &words, self.style.width);
        let trimmed = block.trim_end();
        match row.colour {
            Some(colour) => text.push_str(&self.style.paint(colour, trimmed)),
            None => text.push_str(trimmed),
        }
        text.push('\n');
        for line in &row.log {
            let indent = columns.chars().count();
            let _ = writeln!(text, "{:indent$}| {line}", "");
        }
    }
}

impl Line<'_> {
    /// How long the row took; nothing for a single event, dots for what is not over.
    fn took(&self) -> String {
        let row = self.row;
        if !self.is_over {
            "...".to_owned()
        } else if row.first == row.last && row.shape != Shape::Phase {
            String::new()
        } else {
            seconds(row.to.seconds_since(row.from))
        }
    }

    /// The numbers of the row's events; others may be between them.
    fn numbers(&self) -> String {
        let Row { first, last, .. } = self.row;
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    }
}
