//! Which figures a run has.

use super::{FigureKind, FigureSpec, Sweep};

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

/// Those of a task: how good each system is, for its time and for its bytes, and over the widths that are swept.
pub fn task_set(sweep: &Sweep) -> Vec<FigureSpec> {
    let against =
        |x, panel: &[&str], title| figure(FigureKind::Pareto, x, &["metric"], panel, title);
    let mut set = vec![
        against("online_seconds", &["link"], "Metric against online time"),
        against("online_bytes", &[], "Metric against online traffic"),
    ];
    let over = |x: &str, series: &str, panel: &[&str]| FigureSpec {
        series: series.into(),
        ..figure(
            FigureKind::Lines,
            x,
            &["metric"],
            panel,
            "Metric over the bits of an activation",
        )
    };
    if sweep.activation_bits.len() > 1 {
        set.push(over("activation_bits", "weight_bits", &["system"]));
    }
    let index_bits = sweep.settings.iter().find(|(s, _)| s.key == "index_bits");
    if index_bits.is_some_and(|(_, values)| values.len() > 1) {
        set.push(over("index_bits", "system", &[]));
    }
    set
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
