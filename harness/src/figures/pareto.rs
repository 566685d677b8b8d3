//! One quantity against another, a marker for each system and sequence length: who pays offline for what online.

use super::axes::{Plane, Scale};
use super::canvas::{Anchor, Canvas, Point, text_width};
use super::data::{distinct, extrapolated_note, panel_heading, value, varies};
use super::style::{INK, Look, place};
use super::{Drawing, Sheet};
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::scenario::FigureSpec;
use crate::stats::Summary;
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// The figure.
pub struct Pareto {
    /// Heading.
    pub title: String,
    panels: Vec<PlanePanel>,
}

struct PlanePanel {
    heading: String,
    x: Quantity,
    y: Quantity,
    series: Vec<Cloud>,
}

/// One system's points, in order of the sequence length.
struct Cloud {
    name: String,
    look: Look,
    points: Vec<(String, Summary, Summary)>,
}

/// Builds the figure: panels for each `y` and the panel columns; `None` where no system has both quantities.
pub fn build(spec: &FigureSpec, rows: &[RunRow]) -> Option<Pareto> {
    let x = Quantity::find(&spec.x)?;
    let key = |row: &RunRow| -> Vec<String> { spec.panel.iter().map(|c| value(row, c)).collect() };
    let mut keys: Vec<(Vec<String>, String)> = Vec::new();
    for row in rows {
        if !keys.iter().any(|(k, _)| *k == key(row)) {
            keys.push((key(row), panel_heading(row, &spec.panel)));
        }
    }
    let varying: Vec<&str> = dimensions(rows)
        .into_iter()
        .filter(|c| *c != "seq_len" && *c != spec.series && !spec.panel.iter().any(|p| p == c))
        .filter(|c| *c != "layers")
        .filter(|c| varies(rows, c))
        .collect();
    let names = distinct(rows.iter().map(|row| value(row, &spec.series)));
    let mut panels = Vec::new();
    for y in &spec.y {
        let y = Quantity::find(y)?;
        for (panel, heading) in &keys {
            let own = rows.iter().filter(|row| key(row) == *panel);
            let own: Vec<&RunRow> = own.collect();
            let mut series = Vec::new();
            for (order, name) in names.iter().enumerate() {
                let place = place(&spec.series, name, order);
                let of_name: Vec<&RunRow> = own
                    .iter()
                    .copied()
                    .filter(|row| value(row, &spec.series) == *name)
                    .collect();
                let variant = |row: &RunRow| -> String {
                    let parts = varying.iter().filter(|c| !value(row, c).is_empty());
                    parts
                        .map(|c| format!(", {} {}", c.replace('_', " "), value(row, c)))
                        .collect()
                };
                let variants = distinct(of_name.iter().map(|row| variant(row)));
                for (order, of) in variants.iter().enumerate() {
                    let rows: Vec<&RunRow> = of_name
                        .iter()
                        .copied()
                        .filter(|row| variant(row) == *of)
                        .collect();
                    let cloud = Cloud {
                        name: format!("{name}{of}{}", extrapolated_note(&rows)),
                        look: Look {
                            shape: Look::measured(place).shape + order,
                            ..Look::measured(place)
                        },
                        points: points(&rows, x, y),
                    };
                    if !cloud.points.is_empty() {
                        series.push(cloud);
                    }
                }
            }
            if !series.is_empty() {
                panels.push(PlanePanel {
                    heading: heading.clone(),
                    x,
                    y,
                    series,
                });
            }
        }
    }
    let title = match spec.title.as_str() {
        "" => "Offline against online".to_owned(),
        title => title.to_owned(),
    };
    (!panels.is_empty()).then_some(Pareto { title, panels })
}

/// Medians by sequence length; a system that has nothing of one quantity has no place on a logarithmic axis.
fn points(rows: &[&RunRow], x: Quantity, y: Quantity) -> Vec<(String, Summary, Summary)> {
    let lengths = distinct(rows.iter().map(|row| value(row, "seq_len")));
    lengths
        .into_iter()
        .filter_map(|length| {
            let own = rows
                .iter()
                .copied()
                .filter(|row| value(row, "seq_len") == length);
            let own: Vec<&RunRow> = own.collect();
            let of = |quantity: Quantity| match quantity {
                Quantity::Score(_) => quantity.over(&own),
                _ => quantity.over(&own).filter(|s| s.low > 0.0),
            };
            Some((length.clone(), of(x)?, of(y)?))
        })
        .collect()
}

impl Pareto {
    fn sheet(&self) -> Sheet<'_> {
        let mut legend: Vec<(String, Look)> = Vec::new();
        for cloud in self.panels.iter().flat_map(|p| &p.series) {
            let entry = (cloud.name.clone(), cloud.look);
            if !legend.contains(&entry) {
                legend.push(entry);
            }
        }
        Sheet::new(&self.title, self.panels.len(), legend)
    }
}

impl Drawing for Pareto {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let sheet = self.sheet();
        sheet.draw(canvas, |canvas, (x, y), look| {
            canvas.line(&[(x, y), (x + 26.0, y)], look.color(), 1.0)?;
            canvas.marker((x + 13.0, y), look)
        })?;
        for (index, panel) in self.panels.iter().enumerate() {
            let all = || panel.series.iter().flat_map(|s| &s.points);
            let ends = |s: &Summary| [s.low, s.high];
            let xs: Vec<f64> = all().flat_map(|(_, x, _)| ends(x)).collect();
            let ys: Vec<f64> = all().flat_map(|(_, _, y)| ends(y)).collect();
            let scale = |quantity: Quantity, values: &[f64]| match quantity {
                Quantity::Score(_) => Scale::around(values),
                _ => Scale::logarithmic(values, 1.7),
            };
            let plane = Plane::new(
                sheet.corner(index),
                scale(panel.x, &xs),
                scale(panel.y, &ys),
            );
            let of_task = matches!(panel.y, Quantity::Score(_));
            plane.draw(canvas, &panel.heading, &panel.x.label(), &panel.y.label())?;
            let mut taken: Vec<(Point, Point)> = Vec::new();
            for cloud in &panel.series {
                let places: Vec<Point> = cloud
                    .points
                    .iter()
                    .map(|(_, x, y)| plane.at(x.median, y.median))
                    .collect();
                canvas.line(&places, cloud.look.color(), 1.0)?;
                taken.extend(places.iter().map(|p| around(*p, *p)));
                for (_, x, y) in &cloud.points {
                    let whisker = |a, b| around(plane.at(a, y.median), plane.at(b, y.median));
                    taken.push(whisker(x.low, x.high));
                    let (low, high) = (plane.at(x.median, y.low), plane.at(x.median, y.high));
                    taken.push(((high.0 - 4.0, high.1), (low.0 + 4.0, low.1)));
                }
            }
            for cloud in &panel.series {
                for (length, x, y) in &cloud.points {
                    let at = plane.at(x.median, y.median);
                    let (low, high) = (plane.at(x.median, y.low), plane.at(x.median, y.high));
                    canvas.whisker(at.0, low.1, high.1, INK)?;
                    let (low, high) = (plane.at(x.low, y.median), plane.at(x.high, y.median));
                    if high.0 - low.0 > 1.0 {
                        canvas.line(&[low, high], INK, 1.2)?;
                    }
                    canvas.marker(at, cloud.look)?;
                    // The examples of a task have lengths of their own.
                    if !of_task {
                        label(canvas, &format!("n = {length}"), at, &mut taken)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a marker, or a level line between two points, covers.
fn around(from: Point, to: Point) -> (Point, Point) {
    ((from.0 - 6.0, from.1 - 6.0), (to.0 + 6.0, to.1 + 6.0))
}

/// A point's label, at the first side where it covers nothing.
fn label<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    text: &str,
    (x, y): Point,
    taken: &mut Vec<(Point, Point)>,
) -> Result<()> {
    let (size, half) = (9.5, text_width(text, 9.5) / 2.0);
    let sides = [
        (x + half + 5.0, y + 12.0),
        (x - half - 5.0, y - 12.0),
        (x - half - 5.0, y + 12.0),
        (x + half + 5.0, y - 12.0),
        (x, y + 14.0),
        (x, y - 14.0),
    ];
    let covers = |c: Point| ((c.0 - half, c.1 - 5.0), (c.0 + half, c.1 + 5.0));
    let free = |c: &&Point| {
        let (a, b) = covers(**c);
        !taken
            .iter()
            .any(|(low, high)| a.0 < high.0 && b.0 > low.0 && a.1 < high.1 && b.1 > low.1)
    };
    // Where every side covers something, the marker goes without its label.
    let Some(center) = sides.iter().find(free) else {
        return Ok(());
    };
    taken.push(covers(*center));
    canvas.text(text, *center, size, Anchor::Middle)
}
