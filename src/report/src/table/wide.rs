//! One line a trial.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::metrics::{PERCENTILES, latencies, totals};
use super::row::Row;
use crate::words::Style;

/// Columns between two columns of the table.
const GAP: u16 = 2;
/// The same within the percentiles of one latency.
const NARROW_GAP: u16 = 1;

/// The table, if it fits.
pub(super) fn table(rows: &[Row<'_>], style: Style) -> Option<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header(rows.first()?));
    for row in rows {
        table.add_row(cells(row));
    }
    set_gaps(&mut table);
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if lines.iter().any(|line| line.chars().count() > style.width) {
        return None;
    }
    // The header has two lines, every row one, which begins with the verdict.
    let header_lines = lines.len().saturating_sub(rows.len());
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let row = index.checked_sub(header_lines).and_then(|index| rows.get(index));
        let verdict = row.map(|row| &row.standing);
        match verdict.and_then(|verdict| Some((verdict, line.strip_prefix(verdict.word())?))) {
            Some((verdict, rest)) => {
                text.push_str(&style.paint(verdict.colour(), verdict.word()));
                text.push_str(rest);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    Some(text)
}

/// Two lines: the latencies' names, and the columns'.
fn header(row: &Row<'_>) -> Vec<Cell> {
    let second_line = |name: &str| format!("\n{name}");
    let mut cells = vec![Cell::new(second_line("verdict"))];
    for parameter in &row.parameters {
        cells.push(Cell::new(second_line(&parameter.name)).set_alignment(alignment(parameter.is_number)));
    }
    let totals = totals(None).map(|(name, _)| second_line(name));
    let latencies = latencies(None).into_iter().flat_map(|(name, _)| {
        // The unit stands beside the name, over the second percentile.
        let above = [name, "ms", ""];
        above
            .into_iter()
            .zip(PERCENTILES)
            .map(|(above, percentile)| format!("{above}\n{percentile}"))
    });
    cells.extend(totals.into_iter().chain(latencies).map(number));
    cells
}

fn cells(row: &Row<'_>) -> Vec<Cell> {
    let mut cells = vec![Cell::new(row.standing.word())];
    for parameter in &row.parameters {
        cells.push(Cell::new(&parameter.value).set_alignment(alignment(parameter.is_number)));
    }
    let totals = totals(row.summary()).map(|(_, text)| text);
    let latencies = latencies(row.summary()).into_iter().flat_map(|(_, texts)| texts);
    cells.extend(totals.into_iter().chain(latencies).map(number));
    cells
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

const fn alignment(is_number: bool) -> CellAlignment {
    if is_number {
        CellAlignment::Right
    } else {
        CellAlignment::Left
    }
}

fn set_gaps(table: &mut Table) {
    let columns = table.column_iter().count();
    let percentiles = PERCENTILES.len() * latencies(None).len();
    let first_percentile = columns.saturating_sub(percentiles);
    for (index, column) in table.column_iter_mut().enumerate() {
        let within = index
            .checked_sub(first_percentile)
            .is_some_and(|index| index % PERCENTILES.len() > 0);
        let before = match index {
            0 => 0,
            _ if within => NARROW_GAP,
            _ => GAP,
        };
        column.set_padding((before, 0));
    }
}
