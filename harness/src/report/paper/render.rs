//! A grid of text as Markdown and HTML.

use crate::report::escape;
use crate::stats::Summary;

/// Columns and lines.
pub struct Grid {
    columns: Vec<String>,
    lines: Vec<Vec<String>>,
}

impl Grid {
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            lines: Vec::new(),
        }
    }

    pub fn line(&mut self, cells: Vec<String>) {
        self.lines.push(cells);
    }

    pub fn markdown(&self) -> String {
        let row = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let lines: Vec<String> = self.lines.iter().map(|line| row(line)).collect();
        row(&self.columns) + &"|---".repeat(self.columns.len()) + "|\n" + &lines.concat()
    }

    pub fn html(&self) -> String {
        let last = self.columns.len().saturating_sub(1);
        let head: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column, name)| match column == last {
                true => format!("<th style=\"text-align:left\">{}</th>", escape(name)),
                false => format!("<th>{}</th>", escape(name)),
            })
            .collect();
        let mut text = format!(
            "<div class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>\n",
            head.concat()
        );
        for line in &self.lines {
            text += "<tr>";
            for (column, cell) in line.iter().enumerate() {
                // The last column holds remarks, which may be long.
                let class = if column == last {
                    " class=\"text\""
                } else {
                    ""
                };
                text += &format!("<td{class}>{}</td>", escape(cell));
            }
            text += "</tr>\n";
        }
        text + "</tbody></table></div>\n"
    }
}

/// `median (low .. high)` with four significant digits, or two decimals.
pub fn range(summary: &Summary, scale: f64) -> String {
    let number = |value: f64| {
        let value = value * scale;
        match value.abs() {
            v if v >= 1000.0 => format!("{value:.0}"),
            v if v >= 100.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    };
    let (median, low, high) = (
        number(summary.median),
        number(summary.low),
        number(summary.high),
    );
    if low == high {
        median
    } else {
        format!("{median} ({low} .. {high})")
    }
}
