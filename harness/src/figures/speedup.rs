//! Ratios of a base system to the others, from repetitions that ran next to each other.

use super::data::{Figure, Panel, Series, distinct, extrapolated_note, panel_heading, x_label};
use super::style::{Look, place};
use crate::compare::groups::{Group, default_base, groups, systems};
use crate::compare::settings::LINK;
use crate::names::unique;
use crate::quantities::{Quantity, spoken};
use crate::record::runs::RunRow;
use crate::scenario::FigureSpec;

/// One ratio, by what places it in the figure.
struct Point {
    panel: Vec<String>,
    heading: String,
    x: String,
    system: String,
    /// Of rows of which fewer layers ran.
    note: String,
    /// Settings that vary and that the figure names nowhere.
    variant: String,
    summary: crate::stats::Summary,
}

/// The base of a figure, if the rows have it and another system.
pub fn base(spec: &FigureSpec, rows: &[RunRow]) -> Option<String> {
    let names = systems(rows.iter());
    match spec.over.as_ref().or(spec.base.as_ref()) {
        Some(base) => (names.len() > 1 && names.contains(&base.as_str())).then(|| base.clone()),
        None => default_base(&names),
    }
}

/// Builds the figure: `base / system` for every other system; `None` with fewer than two systems, or where
/// nothing can be compared. Only ratios that are paired are drawn.
pub fn build(spec: &FigureSpec, rows: &[RunRow]) -> Option<Figure> {
    let base = base(spec, rows)?;
    let groups = groups(&[rows]);
    let mut panels = Vec::new();
    let mut xs = Vec::new();
    for y in &spec.y {
        let quantity = Quantity::find(y)?;
        let points = points(spec, &groups, &base, quantity);
        xs.extend(points.iter().map(|point| point.x.clone()));
        let mut keys: Vec<(&Vec<String>, &str)> = Vec::new();
        for point in &points {
            if !keys.iter().any(|(key, _)| **key == point.panel) {
                keys.push((&point.panel, &point.heading));
            }
        }
        for (key, heading) in keys {
            panels.push(Panel {
                heading: heading.to_owned(),
                y_label: format!("{y_name} ratio", y_name = plain(quantity)),
                series: series(points.iter().filter(|point| point.panel == *key)),
            });
        }
    }
    if panels.is_empty() {
        return None;
    }
    let (title, which) = match spec.over {
        None => (
            format!("Speedup over {base}"),
            format!("{base} / system, above 1 the system is ahead"),
        ),
        Some(_) => (
            format!("Speedup of {base}"),
            format!("system / {base}, above 1 {base} is ahead"),
        ),
    };
    let title = if spec.title.is_empty() {
        &title
    } else {
        &spec.title
    };
    Some(Figure {
        title: format!("{title} ({which})"),
        x_label: x_label(spec),
        xs: distinct(xs.into_iter()),
        panels,
    })
}

/// The quantity without its unit, which a ratio does not have.
fn plain(quantity: Quantity) -> String {
    let label = quantity.label();
    label.split(" [").next().unwrap_or(&label).to_owned()
}

fn points(spec: &FigureSpec, groups: &[Group<'_>], base: &str, quantity: Quantity) -> Vec<Point> {
    let columns = groups.iter().flat_map(|g| g.settings.columns());
    let columns = columns.map(|(column, _)| column.as_str());
    let varying: Vec<&str> = unique(columns)
        .into_iter()
        // The link is one dimension, by its name.
        .filter(|c| !LINK.contains(c))
        .filter(|c| *c != "system" && *c != spec.x && !spec.panel.iter().any(|p| p == c))
        .filter(|c| quantity.depends_on(c))
        .filter(|c| !(*c == "layers" || *c == "model" && spec.x == "layers"))
        .filter(|c| {
            let values = groups.iter().map(|g| g.settings.value(c).to_owned());
            distinct(values.filter(|v| !v.is_empty())).len() > 1
        })
        .collect();
    let mut points: Vec<Point> = Vec::new();
    for group in groups {
        let value = |column: &str| group.settings.value(column).to_owned();
        for entry in &group.entries {
            let Some(other) = group.base_of(base, entry) else {
                continue;
            };
            let ratio = match spec.over {
                None => entry.ratio(other, quantity),
                Some(_) => other.ratio(entry, quantity),
            };
            let Some(ratio) = ratio.filter(|r| r.paired) else {
                continue;
            };
            let Some(row) = entry.rows.first() else {
                continue;
            };
            // A setting that the system does not have is the base's.
            let whose = |c: &str| match row.dimension(c).is_some_and(|own| !own.is_empty()) {
                true => String::new(),
                false => format!("{base}'s "),
            };
            let told = varying.iter().filter(|c| !value(c).is_empty());
            let told = told.map(|c| format!("{}{} {}", whose(c), spoken(c), value(c)));
            let mut variant: Vec<String> = told.collect();
            let of_system = |e: &&crate::compare::groups::Entry<'_>| e.system == entry.system;
            if group.entries.iter().filter(of_system).count() > 1 {
                variant.push(entry.activation.clone());
            }
            let point = Point {
                panel: spec.panel.iter().map(|c| value(c)).collect(),
                heading: panel_heading(row, &spec.panel),
                x: value(&spec.x),
                system: entry.system.clone(),
                note: note(groups, &entry.system),
                variant: variant.join(", "),
                summary: ratio.summary,
            };
            // What does not depend on the link or the threads is the same in every group.
            let same = |p: &Point| {
                (&p.panel, &p.x, &p.system, &p.variant)
                    == (&point.panel, &point.x, &point.system, &point.variant)
            };
            if !points.iter().any(same) {
                points.push(point);
            }
        }
    }
    points
}

/// What the legend says of a system's rows, those of all panels, so that it has one name.
fn note(groups: &[Group<'_>], system: &str) -> String {
    let entries = groups.iter().flat_map(|group| &group.entries);
    let own = entries.filter(|entry| entry.system == system);
    let rows: Vec<&RunRow> = own.flat_map(|entry| entry.rows.iter().copied()).collect();
    extrapolated_note(&rows)
}

fn series<'a>(points: impl Iterator<Item = &'a Point>) -> Vec<Series> {
    let mut all: Vec<(&Point, Series)> = Vec::new();
    for point in points {
        let at = (point.x.clone(), point.summary);
        let same = |p: &Point| (&p.system, &p.variant) == (&point.system, &point.variant);
        if let Some((_, series)) = all.iter_mut().find(|(p, _)| same(p)) {
            series.points.push(at);
            continue;
        }
        let variants = all.iter().filter(|(p, _)| p.system == point.system).count();
        let place = place("system", &point.system, 0);
        let name = match point.variant.as_str() {
            "" => point.system.clone(),
            variant => format!("{}, {variant}", point.system),
        } + &point.note;
        let look = Look {
            shape: Look::measured(place).shape + variants,
            ..Look::measured(place)
        };
        all.push((
            point,
            Series {
                name,
                look,
                points: vec![at],
            },
        ));
    }
    all.into_iter().map(|(_, series)| series).collect()
}
