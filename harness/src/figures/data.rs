//! What a figure shows, taken from rows: panels, series, points.

use super::published;
use super::style::{Look, place};
use crate::record::quantities::{Quantity, dimension_label};
use crate::record::runs::RunRow;
use crate::scenario::FigureSpec;
use crate::stats::{Summary, summarize};

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// `online, lan (5gbit, 0.2ms RTT)`.
    pub heading: String,
    /// Label of the vertical axis.
    pub y_label: String,
    /// Its series.
    pub series: Vec<Series>,
}

/// One series of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Legend text.
    pub name: String,
    /// Colour, marker, hatching.
    pub look: Look,
    /// Horizontal value as written, and the summary of the vertical one; in horizontal order.
    pub points: Vec<(String, Summary)>,
}

/// A whole figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// Label of the horizontal axis.
    pub x_label: String,
    /// All values of the horizontal axis, in order.
    pub xs: Vec<String>,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// Distinct values in order: numbers by size, then anything else by appearance.
pub fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    if all.iter().all(|v| v.parse::<f64>().is_ok()) {
        all.sort_by(|a, b| {
            let number = |v: &String| v.parse::<f64>().unwrap_or(0.0);
            number(a).total_cmp(&number(b))
        });
    }
    all
}

/// The value of a column.
pub fn value(row: &RunRow, column: &str) -> String {
    row.dimension(column).unwrap_or_default()
}

/// The settings of a row that divide panels: named with units where the name alone does not say enough.
pub fn panel_heading(row: &RunRow, columns: &[String]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "link" if row.link_mode == "none" => format!("{} (loopback)", row.link),
            "link" => {
                let bandwidth = crate::scenario::units::Bandwidth {
                    bits_per_second: row.bandwidth_bits_per_second,
                };
                let rtt = crate::scenario::units::Rtt {
                    nanoseconds: row.rtt_ns,
                };
                format!("{} ({bandwidth}, {rtt} RTT)", row.link)
            }
            column => format!("{} {}", column.replace('_', " "), value(row, column)),
        })
        .collect();
    parts.join(", ")
}

/// Builds the figure of a specification; `None` where no row has anything to show.
pub fn figure(spec: &FigureSpec, rows: &[RunRow]) -> Option<Figure> {
    let key = |row: &RunRow| -> Vec<String> { spec.panel.iter().map(|c| value(row, c)).collect() };
    let mut keys: Vec<(Vec<String>, String)> = Vec::new();
    for row in rows {
        if !keys.iter().any(|(k, _)| *k == key(row)) {
            keys.push((key(row), panel_heading(row, &spec.panel)));
        }
    }
    let names = distinct(rows.iter().map(|row| value(row, &spec.series)));
    let mut xs = distinct(rows.iter().map(|row| value(row, &spec.x)));
    let mut panels = Vec::new();
    for y in &spec.y {
        let quantity = Quantity::find(y)?;
        let varying = varying(spec, quantity, rows);
        for (panel, heading) in &keys {
            let rows: Vec<&RunRow> = rows.iter().filter(|row| key(row) == *panel).collect();
            let mut series = Vec::new();
            for (order, name) in names.iter().enumerate() {
                let own: Vec<&RunRow> = rows
                    .iter()
                    .copied()
                    .filter(|row| value(row, &spec.series) == *name)
                    .collect();
                let place = place(&spec.series, name, order);
                // Rows that differ in anything else must not be thrown together.
                let variants = distinct(own.iter().map(|row| variant(row, &varying)));
                for (order, variant) in variants.into_iter().enumerate() {
                    // One colour a system; its variants differ in marker and hatching.
                    let look = Look {
                        shape: place + order,
                        ..Look::measured(place)
                    };
                    let points = points(&own, &spec.x, quantity, &xs, |row| {
                        self::variant(row, &varying) == variant
                    });
                    if !points.is_empty() {
                        series.push(Series {
                            name: legend(&spec.series, name, &variant),
                            look,
                            points,
                        });
                    }
                }
            }
            if spec.published {
                series.extend(as_published(spec, quantity, panel, &names, &mut xs));
            }
            panels.push(Panel {
                heading: heading.clone(),
                y_label: quantity.label(),
                series,
            });
        }
    }
    panels.retain(|panel| !panel.series.is_empty());
    if panels.is_empty() {
        return None;
    }
    let ys: Vec<&str> = spec.y.iter().map(String::as_str).collect();
    Some(Figure {
        title: if spec.title.is_empty() {
            format!(
                "{} over {}",
                ys.join(" and ").replace('_', " "),
                spec.x.replace('_', " ")
            )
        } else {
            spec.title.clone()
        },
        x_label: dimension_label(&spec.x).to_owned(),
        xs,
        panels,
    })
}

/// Columns that vary although the figure names them nowhere.
fn varying(spec: &FigureSpec, quantity: Quantity, rows: &[RunRow]) -> Vec<&'static str> {
    crate::record::quantities::DIMENSIONS
        .iter()
        .copied()
        .filter(|c| *c != spec.x && *c != spec.series && !spec.panel.iter().any(|p| p == c))
        .filter(|c| quantity.depends_on(c))
        // A model named after its layers says nothing more than they do.
        .filter(|c| !(*c == "layers" || *c == "model" && spec.x == "layers"))
        .filter(|c| distinct(rows.iter().map(|row| value(row, c))).len() > 1)
        .collect()
}

fn variant(row: &RunRow, columns: &[&str]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|c| format!("{} {}", c.replace('_', " "), value(row, c)))
        .collect();
    parts.join(", ")
}

fn legend(column: &str, name: &str, variant: &str) -> String {
    let name = match column {
        "system" | "link" | "model" => name.to_owned(),
        "threads" if name == "1" => "1 thread".to_owned(),
        "threads" => format!("{name} threads"),
        column => format!("{} {name}", column.replace('_', " ")),
    };
    if variant.is_empty() {
        name
    } else {
        format!("{name}, {variant}")
    }
}

fn points(
    rows: &[&RunRow],
    x: &str,
    quantity: Quantity,
    xs: &[String],
    keep: impl Fn(&RunRow) -> bool,
) -> Vec<(String, Summary)> {
    xs.iter()
        .filter_map(|at| {
            let values: Vec<f64> = rows
                .iter()
                .filter(|row| value(row, x) == *at && keep(row))
                .filter_map(|row| quantity.of(row))
                .collect();
            Some((at.clone(), summarize(&values)?))
        })
        .collect()
}

/// Published series of a panel: those whose every stated column fits the panel. Where the series column is
/// one that the paper states (threads), each published value of it is a series of its own.
fn as_published(
    spec: &FigureSpec,
    quantity: Quantity,
    panel: &[String],
    names: &[String],
    xs: &mut Vec<String>,
) -> Vec<Series> {
    let numbers: Vec<published::Published> = published::of(quantity)
        .into_iter()
        .filter(|p| {
            spec.panel
                .iter()
                .zip(panel)
                .all(|(column, value)| p.dimension(column).is_none_or(|v| v == *value))
        })
        .collect();
    let found = distinct(numbers.iter().filter_map(|p| p.dimension(&spec.series)));
    let mut series = Vec::new();
    for (order, name) in found.iter().enumerate() {
        let mut points: Vec<(String, Summary)> = Vec::new();
        for number in numbers
            .iter()
            .filter(|p| p.dimension(&spec.series).as_ref() == Some(name))
        {
            if let Some(x) = number.dimension(&spec.x) {
                points.push((
                    x,
                    Summary {
                        median: number.value,
                        low: number.value,
                        high: number.value,
                        count: 1,
                    },
                ));
            }
        }
        for (x, _) in &points {
            if !xs.contains(x) {
                xs.push(x.clone());
            }
        }
        *xs = distinct(std::mem::take(xs).into_iter());
        // The same value has the same colour, measured or published.
        let order = names
            .iter()
            .position(|n| n == name)
            .unwrap_or(names.len() + order);
        series.push(Series {
            name: format!("{}, as published", legend(&spec.series, name, "")),
            look: Look {
                hollow: true,
                ..Look::measured(place(&spec.series, name, order))
            },
            points,
        });
    }
    series.retain(|s| !s.points.is_empty());
    series
}
