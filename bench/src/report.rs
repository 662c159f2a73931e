//! Figures over rounds, and the tables that people read.

use std::time::Duration;

/// A quantity measured once per round.
#[derive(Debug, Default, Clone)]
pub struct Rounds(pub Vec<f64>);

impl Rounds {
    /// The geometric mean, which suits rates and ratios; 0 when nothing was measured.
    pub fn mean(&self) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        let logs: f64 = self.0.iter().map(|value| value.max(1e-9).ln()).sum();
        (logs / self.0.len() as f64).exp()
    }

    /// This quantity over another, round by round: what disturbed a round disturbed both.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// `0.87 (0.85–0.90)`: the mean and the extremes.
    pub fn ratio(&self) -> String {
        if self.0.is_empty() {
            return "–".into();
        }
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        format!("{:.2} ({least:.2}–{most:.2})", self.mean())
    }
}

/// Milliseconds with two digits.
pub fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

/// Rows of cells as lines with aligned columns; the first row is the head.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let gap = widths[column] - cell.chars().count();
            let (before, after) = if column == 0 { (0, gap) } else { (gap, 0) };
            text += &" ".repeat(before);
            text += cell;
            text += &" ".repeat(after + 2);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
