//! What the rows of a task come to: a line, and a row of `metrics.csv`, for each system, settings and link.

use super::metrics::{Metric, Score};
use super::record::{Record, Row, Series};
use crate::commands::table as table_text;
use crate::record::whole;
use crate::units::{bytes_text, time_text};
use anyhow::{Context, Result};
use std::path::Path;

/// Says what the rows of each series come to, and writes it beside them.
///
/// # Errors
/// The operating system's.
pub fn summarize(record: &Record, metric: Metric, out: &Path) -> Result<()> {
    let mut all: Vec<Series> = Vec::new();
    for row in &record.rows {
        if !all.contains(&row.series()) {
            all.push(row.series());
        }
    }
    let mut table = vec![
        [
            "system",
            "examples",
            "private",
            "floating point",
            "agreement",
            "offline",
            "online",
            "online bytes",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "system",
        "settings",
        "link",
        "metric",
        "examples",
        "value",
        "low",
        "high",
        "float_value",
        "agreement",
        "offline_ns_median",
        "online_ns_median",
        "online_bytes_mean",
        "wrapped_values",
        "threads",
        "machine",
    ])?;
    for series in all {
        let rows: Vec<&Row> = record
            .rows
            .iter()
            .filter(|row| row.series() == series)
            .collect();
        let pairs = |of: fn(&Row) -> (f64, f64)| rows.iter().map(|row| of(row)).collect::<Vec<_>>();
        let private = metric.score(&pairs(|row| (row.prediction, row.label)));
        let float = metric.of(&pairs(|row| (row.float_prediction, row.label)));
        let alike = pairs(|row| (row.prediction, row.float_prediction));
        // Of classes how many are the same; of numbers the correlation.
        let agreement = match metric.of_classes() {
            true => Metric::Accuracy.of(&alike),
            false => metric.of(&alike),
        };
        let median = |of: fn(&Row) -> f64| {
            let values: Vec<f64> = rows.iter().map(|row| of(row)).collect();
            crate::stats::summarize(&values).map_or(f64::NAN, |summary| summary.median)
        };
        let (offline, online) = (
            median(|row| row.offline_ns as f64),
            median(|row| row.online_ns as f64),
        );
        let bytes = rows.iter().map(|row| row.online_bytes).sum::<u64>() / rows.len() as u64;
        let wrapped: u64 = rows.iter().filter_map(|row| row.wrapped_values).sum();
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
        let shown = |score: Option<Score>| {
            let text = |s: Score| format!("{:.4} ({:.4} to {:.4})", s.value, s.low, s.high);
            score.map_or_else(|| "-".into(), text)
        };
        let Series {
            system,
            settings,
            link,
            threads,
            machine,
        } = series;
        let threads = threads.to_string();
        let of_threads = match threads.as_str() {
            "1" => String::new(),
            more => format!("{more} threads"),
        };
        let what: Vec<&str> = [&system[..], &settings, &link, &of_threads, &machine]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        table.push(vec![
            what.join(", "),
            rows.len().to_string(),
            shown(private),
            number(float),
            number(agreement),
            time_text(offline),
            time_text(online),
            bytes_text(bytes),
        ]);
        let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        csv.write_record([system, settings, link].into_iter().chain([
            metric_name(metric).to_owned(),
            rows.len().to_string(),
            text(private.map(|s| s.value)),
            text(private.map(|s| s.low)),
            text(private.map(|s| s.high)),
            text(float),
            text(agreement),
            offline.to_string(),
            online.to_string(),
            bytes.to_string(),
            wrapped.to_string(),
            threads,
            machine,
        ]))?;
    }
    crate::say!("{}", table_text(&table).trim_end());
    let text = csv.into_inner().context("metrics cannot be written")?;
    whole::write(&out.join("metrics.csv"), &text)
}

fn metric_name(metric: Metric) -> &'static str {
    crate::names::name_of(Metric::NAMES, &metric)
}
