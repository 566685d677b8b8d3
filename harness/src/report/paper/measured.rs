//! Rows of ours in groups that a table's line can hold.

use super::Paper;
use crate::quantities::{Quantity, spoken};
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::stats::{Summary, paired_ratio, summarize};

/// Rows that differ in their repetition only, as far as the quantity depends on it.
pub struct Group<'a> {
    pub system: &'a str,
    pub seq_len: usize,
    /// `None` where the quantity does not depend on threads.
    pub threads: Option<usize>,
    /// Other settings, where a system's rows differ in them.
    pub variant: String,
    pub rows: Vec<&'a RunRow>,
}

impl Group<'_> {
    /// The activation function; empty where rows do not say.
    pub fn activation(&self) -> &str {
        self.rows.first().map_or("", |row| &row.activation)
    }

    pub fn summary(&self, quantity: Quantity) -> Option<Summary> {
        let values: Vec<f64> = self
            .rows
            .iter()
            .filter_map(|row| quantity.of(row))
            .collect();
        summarize(&values)
    }
}

/// The paper's rows in groups, in order of first appearance.
pub fn groups<'a>(paper: &Paper<'a>, quantity: Quantity) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for row in &paper.rows {
        let threads = quantity.depends_on("threads").then_some(row.threads);
        let variant = variant(paper, quantity, row);
        let same = |g: &&mut Group<'a>| {
            (g.system, g.seq_len, g.threads, &g.variant)
                == (&row.system, row.seq_len, threads, &variant)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                system: &row.system,
                seq_len: row.seq_len,
                threads,
                variant,
                rows: vec![row],
            }),
        }
    }
    groups
}

/// What else divides a system's rows.
fn variant(paper: &Paper<'_>, quantity: Quantity, row: &RunRow) -> String {
    let own = || {
        paper
            .rows
            .iter()
            .copied()
            .filter(|r| r.system == row.system)
    };
    let parts: Vec<String> = dimensions(own())
        .into_iter()
        .filter(|c| !matches!(*c, "system" | "model" | "layers" | "seq_len" | "threads"))
        .filter(|c| quantity.depends_on(c))
        .filter(|c| own().any(|r| r.dimension(c) != row.dimension(c)))
        .filter_map(|c| Some(format!("{} {}", spoken(c), row.dimension(c)?)))
        .collect();
    parts.join(", ")
}

/// Ratios of two groups by repetition, of times; by their medians, of traffic.
pub fn ratio(ours: &Group<'_>, base: &Group<'_>, quantity: Quantity) -> Option<Summary> {
    if !quantity.depends_on("threads") {
        let (ours, base) = (ours.summary(quantity)?, base.summary(quantity)?);
        return summarize(&[ours.median / base.median]);
    }
    let values = |group: &Group<'_>| -> Vec<(usize, f64)> {
        let pair = |row: &&RunRow| Some((row.repetition, quantity.of(row)?));
        group.rows.iter().filter_map(pair).collect()
    };
    paired_ratio(&values(ours), &values(base))
}
