//! Which figures a run has.

use super::{FigureKind, FigureSpec};

/// The figures of a scenario that names none.
pub fn default_set() -> Vec<FigureSpec> {
    let figure = |kind, y: &[&str], panel: &[&str], title: &str| FigureSpec {
        kind,
        x: "seq_len".into(),
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
    };
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
