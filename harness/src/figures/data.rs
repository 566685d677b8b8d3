//! What a figure shows, taken from rows: panels, series, points.

use super::style::{Look, place};
use crate::published::{Number, Published};
use crate::quantities::{Quantity, dimension_label, spoken};
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::scenario::{FigureKind, FigureSpec};
use crate::stats::Summary;
use std::borrow::Borrow;
use std::collections::HashMap;

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

/// Label of a figure's horizontal axis.
pub fn x_label(spec: &FigureSpec) -> String {
    let own = spec.x_label.clone();
    own.unwrap_or_else(|| dimension_label(&spec.x))
}

/// The value of a column.
pub fn value(row: &RunRow, column: &str) -> String {
    row.dimension(column).unwrap_or_default()
}

/// The settings of a row that divide panels: named with units where the name alone does not say enough.
pub fn panel_heading(row: &RunRow, columns: &[String]) -> String {
    let parts: Vec<String> = columns
        .iter()
        // A setting that the row's system does not have.
        .filter(|column| !value(row, column).is_empty())
        .map(|column| match column.as_str() {
            "link" if row.link_mode == "none" => format!("{} (loopback)", row.link),
            "link" => {
                let bandwidth = crate::units::Bandwidth {
                    bits_per_second: row.bandwidth_bits_per_second,
                };
                let rtt = crate::units::Rtt {
                    nanoseconds: row.rtt_ns,
                };
                format!("{} ({bandwidth}, {rtt} RTT)", row.link)
            }
            column => format!("{} {}", spoken(column), value(row, column)),
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
    // The committed files are read by a test; without them there is nothing to draw beside.
    let published = Published::committed().ok().filter(|_| spec.published);
    let mut panels = Vec::new();
    let all_rows = rows;
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
                        shape: Look::measured(place).shape + order,
                        ..Look::measured(place)
                    };
                    let of_variant = |row: &RunRow| self::variant(row, &varying) == variant;
                    let points = points(&own, &spec.x, quantity, &xs, of_variant);
                    // Of all panels, so that a series has one name.
                    let all = all_rows
                        .iter()
                        .filter(|row| value(row, &spec.series) == *name);
                    let all: Vec<&RunRow> = all.filter(|row| of_variant(row)).collect();
                    if !points.is_empty() {
                        series.push(Series {
                            name: legend(&spec.series, name, &variant) + &extrapolated_note(&all),
                            look,
                            points,
                        });
                    }
                }
            }
            if spec.published {
                let numbers = published.as_ref().map(|p| p.comparable(quantity));
                let numbers = numbers.unwrap_or_default();
                series.extend(as_published(spec, &numbers, &rows, &names, &mut xs));
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
                "{}{} over {}",
                if spec.kind == FigureKind::Growth {
                    "Growth of "
                } else {
                    ""
                },
                ys.join(" and ").replace('_', " "),
                spec.x.replace('_', " ")
            )
        } else {
            spec.title.clone()
        },
        x_label: x_label(spec),
        xs,
        panels,
    })
}

/// Columns that vary although the figure names them nowhere.
fn varying<'a>(spec: &FigureSpec, quantity: Quantity, rows: &'a [RunRow]) -> Vec<&'a str> {
    dimensions(rows)
        .into_iter()
        .filter(|c| *c != spec.x && *c != spec.series && !spec.panel.iter().any(|p| p == c))
        .filter(|c| quantity.depends_on(c))
        // A model named after its layers says nothing more than they do.
        .filter(|c| !(*c == "layers" || *c == "model" && spec.x == "layers"))
        .filter(|c| varies(rows, c))
        .collect()
}

/// Whether a column says more than the system's name does: whether it varies among the rows of one system. What only
/// some systems have, or each has its own of, does not.
pub fn varies<R: Borrow<RunRow>>(rows: &[R], column: &str) -> bool {
    if column == "system" {
        return distinct(rows.iter().map(|row| value(row.borrow(), column))).len() > 1;
    }
    let mut first: HashMap<&str, String> = HashMap::new();
    rows.iter().any(|row| {
        let row: &RunRow = row.borrow();
        let here = value(row, column);
        let known = first.entry(&row.system).or_insert_with(|| here.clone());
        *known != here
    })
}

fn variant(row: &RunRow, columns: &[&str]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|c| (c, value(row, c)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(c, value)| format!("{} {value}", c.replace('_', " ")))
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

/// What a legend says of rows of which fewer layers ran.
pub fn extrapolated_note<R: Borrow<RunRow>>(rows: &[R]) -> String {
    let few = rows.iter().map(|row| row.borrow().extrapolated_from_layers);
    let part = match few.clone().any(|few| few.is_none()) {
        true => "partly ",
        false => "",
    };
    let few = distinct(few.flatten().map(|layers| layers.to_string()));
    match few.as_slice() {
        [] => String::new(),
        [one] if one == "1" => format!(" ({part}extrapolated from 1 layer)"),
        few => format!(" ({part}extrapolated from {} layers)", few.join(", ")),
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
            let here = rows
                .iter()
                .copied()
                .filter(|row| value(row, x) == *at && keep(row));
            Some((at.clone(), quantity.over(&here.collect::<Vec<_>>())?))
        })
        .collect()
}

/// Published series of a panel: numbers of systems, models and networks that the panel's rows have. Where the
/// papers state threads and the figure does not divide by them, each count is a series of its own.
fn as_published(
    spec: &FigureSpec,
    numbers: &[&Number],
    rows: &[&RunRow],
    names: &[String],
    xs: &mut Vec<String>,
) -> Vec<Series> {
    // Rows of a panel share what divides panels, so a number of another link or system has no row here.
    let fits = |number: &&&Number| {
        rows.iter().any(|row| {
            let stated = |c: &str| number.dimension(c).is_none_or(|v| v == value(row, c));
            // A link is known by what it is, not by what the scenario calls it.
            let of_panel = spec.panel.iter().all(|c| c == "link" || stated(c));
            of_panel && stated("system") && stated("model") && number.runs_over_link_of(row)
        })
    };
    let mut numbers: Vec<&Number> = numbers.iter().filter(fits).copied().collect();
    // The same order, and so the same look, in every panel.
    numbers.sort_by_key(|number| number.threads);
    let divides = |column: &str| {
        spec.series == column || spec.x == column || spec.panel.iter().any(|c| c == column)
    };
    let variant = |number: &Number| match number.threads {
        Some(threads) if !divides("threads") => legend("threads", &threads.to_string(), ""),
        _ => String::new(),
    };
    let found = distinct(numbers.iter().filter_map(|p| p.dimension(&spec.series)));
    let mut series = Vec::new();
    for (order, name) in found.iter().enumerate() {
        // The same value has the same colour, measured or published.
        let known = names.iter().position(|n| n == name);
        let place = place(&spec.series, name, known.unwrap_or(names.len() + order));
        let own = |p: &&&Number| p.dimension(&spec.series).as_ref() == Some(name);
        let variants = distinct(numbers.iter().filter(own).map(|p| variant(p)));
        for (order, variant_name) in variants.iter().enumerate() {
            let points: Vec<(String, Summary)> = numbers
                .iter()
                .filter(own)
                .filter(|p| variant(p) == *variant_name)
                .filter_map(|p| Some((p.dimension(&spec.x)?, exactly(p.value))))
                .collect();
            xs.extend(points.iter().map(|(x, _)| x.clone()));
            *xs = distinct(std::mem::take(xs).into_iter());
            series.push(Series {
                name: format!("{}, as published", legend(&spec.series, name, variant_name)),
                look: Look {
                    shape: Look::measured(place).shape + order,
                    hollow: true,
                    ..Look::measured(place)
                },
                points,
            });
        }
    }
    series.retain(|s| !s.points.is_empty());
    series
}

/// A number without repetitions.
const fn exactly(value: f64) -> Summary {
    Summary {
        median: value,
        low: value,
        high: value,
        count: 1,
    }
}
