//! Which figures a run has.

use super::{FigureKind, FigureSpec};

/// The figures of a scenario that names none.
pub fn default_set() -> Vec<FigureSpec> {
    let figure =
        |kind, y: &[&str], panel: &[&str], title: &str| figure(kind, "seq_len", y, panel, title);
    vec![
        figure(
            FigureKind::Lines,
            &["online_seconds", "offline_seconds"],
            &["link"],
            "Latency",
        ),
        // Left out of a run of one system.
        figure(
            FigureKind::Speedup,
            &["online_seconds", "offline_seconds"],
            &["link"],
            "",
        ),
        figure(
            FigureKind::Stacked,
            &["online_seconds"],
            &["link"],
            "Where the online time goes",
        ),
        figure(
            FigureKind::Bars,
            &["online_bytes", "offline_bytes", "online_rounds"],
            &[],
            "Traffic",
        ),
    ]
}

/// Those of a task: how good each system is, for its time and for its bytes.
pub fn task_set() -> Vec<FigureSpec> {
    let against =
        |x, panel: &[&str], title| figure(FigureKind::Pareto, x, &["metric"], panel, title);
    vec![
        against("online_seconds", &["link"], "Metric against online time"),
        against("online_bytes", &[], "Metric against online traffic"),
        figure(
            FigureKind::Bars,
            "model",
            &["metric", "ideal_agreement", "float_agreement"],
            &[],
            "Private inference, the integer model and floating point",
        ),
    ]
}

fn figure(kind: FigureKind, x: &str, y: &[&str], panel: &[&str], title: &str) -> FigureSpec {
    FigureSpec {
        kind,
        x: x.into(),
        x_label: None,
        y: y.iter().map(|s| (*s).to_owned()).collect(),
        panel: panel.iter().map(|s| (*s).to_owned()).collect(),
        series: "system".into(),
        title: title.into(),
        published: false,
        base: None,
        over: None,
        log: None,
        share: None,
    }
}
