//! The tables of the paper, with its values beside ours. A value that has no counterpart says why; a ratio is
//! formed only between numbers that share sequence length, phase, network and device.

mod measured;
mod ratios;
mod render;
mod values;

use super::escape;
use crate::names::name_of;
use crate::published::Published;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::scenario::{PAPER_TABLES, PaperTable, TableSpec};
use anyhow::{Context, Result};
use qbench_protocols::phase::Phase;
use qbench_protocols::system::System;
use std::path::Path;

/// The system that the paper proposes: what every other is divided by.
const BASE: &str = "lut-rss";

/// The model of the paper's tables.
const MODEL: &str = "bert-base";

/// One table of the paper, and what is to be set beside it.
struct Paper<'a> {
    /// As scenario files call it.
    table: &'static str,
    published: &'a Published,
    rows: Vec<&'a RunRow>,
    /// `lan`, `wan`, or nothing where the table is of traffic.
    network: Option<&'static str>,
    quantities: &'static [Quantity],
    /// Ids of systems that can be measured here.
    implemented: Vec<String>,
}

impl<'a> Paper<'a> {
    fn new(
        systems: &[&'static dyn System],
        table: PaperTable,
        published: &'a Published,
        rows: &'a [RunRow],
    ) -> Self {
        const TIME: &[Quantity] = &[Quantity::Seconds(Some(Phase::Online))];
        const TRAFFIC: &[Quantity] = &[
            Quantity::Bytes(Phase::Online),
            Quantity::Bytes(Phase::Offline),
        ];
        let (network, quantities) = match table {
            PaperTable::Table2 => (Some("lan"), TIME),
            PaperTable::Table3 => (Some("wan"), TIME),
            PaperTable::Table4 => (None, TRAFFIC),
        };
        let mut implemented: Vec<String> = systems.iter().map(|s| s.id().to_owned()).collect();
        implemented.extend(rows.iter().map(|row| row.system.clone()));
        let of_paper = |row: &&RunRow| {
            let networks = &mut published.networks.iter();
            row.model == MODEL
                && network.is_none_or(|name| {
                    networks.any(|n| n.paper == "lu2025qbert" && n.name == name && n.is_of(row))
                })
        };
        Self {
            table: name_of(PAPER_TABLES, &table),
            published,
            rows: rows.iter().filter(of_paper).collect(),
            network,
            quantities,
            implemented,
        }
    }

    fn title(&self) -> &'static str {
        match self.network {
            Some("lan") => "Table 2 of the paper: online time on a LAN",
            Some(_) => "Table 3 of the paper: online time on a WAN",
            None => "Table 4 of the paper: traffic over all parties",
        }
    }

    /// Why a system has no number of ours, or has none yet.
    fn absence(&self, system: &str) -> &'static str {
        if self.implemented.iter().any(|id| id == system) {
            "not measured in this run"
        } else {
            "not implemented here yet"
        }
    }
}

/// The unit in which a quantity stands in a paper's table, and its scale from that of [`Quantity::label`].
const fn unit(quantity: Quantity) -> (&'static str, f64) {
    match quantity {
        Quantity::Bytes(_) => ("MB", 1.0),
        _ => ("ms", 1e3),
    }
}

fn phase(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Seconds(Some(phase)) | Quantity::Bytes(phase) => phase.name(),
        _ => "",
    }
}

/// Writes each table into `tables/` as CSV and Markdown; returns them as HTML.
///
/// # Errors
/// Files that cannot be written.
pub fn write(
    systems: &[&'static dyn System],
    specs: &[TableSpec],
    rows: &[RunRow],
    dir: &Path,
) -> Result<String> {
    let mut html = String::new();
    if specs.is_empty() {
        return Ok(html);
    }
    let published = Published::committed()?;
    let folder = dir.join("tables");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    for (index, spec) in specs.iter().enumerate() {
        let paper = Paper::new(systems, spec.published, &published, rows);
        let (values, ratios) = (values::lines(&paper), ratios::lines(&paper));
        let stem = format!("{:02}-{}", index + 1, paper.table);
        let save = |name: String, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        save(format!("{stem}-values.csv"), values::csv(&values)?)?;
        save(format!("{stem}-ratios.csv"), ratios::csv(&ratios)?)?;
        let grids = [values::grid(&values), ratios::grid(&ratios)];
        let [values, ratios] = &grids;
        save(
            format!("{stem}.md"),
            format!(
                "# {}\n\n{VALUES}\n\n{}\n{RATIOS}\n\n{}",
                paper.title(),
                values.markdown(),
                ratios.markdown()
            ),
        )?;
        html += &format!(
            "<h2>{}</h2>\n<p>{}</p>\n{}<p>{}</p>\n{}",
            escape(paper.title()),
            escape(VALUES),
            values.html(),
            escape(RATIOS),
            ratios.html()
        );
    }
    Ok(html)
}

/// How to read the values.
const VALUES: &str = "As published: the paper's numbers as printed, measured there on other machines. Ours: the \
    median, with the 95 % interval (the range, with fewer than six runs). Ours over published is formed for traffic \
    only, which no machine changes, at the same length and phase.";

/// How to read the ratios.
const RATIOS: &str = "Ratios to lut-rss: times of ours are paired by repetition, traffic by its medians. A ratio is \
    formed only within one column, and only if both numbers share sequence length, phase, network, device and threads.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::TableKind;

    /// A row of ours; times by repetition, in milliseconds.
    fn row(system: &str, seq_len: usize, repetition: usize, ms: u64) -> RunRow {
        let mut row = RunRow {
            cell: format!("{system}-{seq_len}"),
            repetition,
            system: system.into(),
            model: "bert-base".into(),
            layers: 12,
            seq_len,
            threads: 1,
            link: "lan".into(),
            link_mode: "shaped".into(),
            bandwidth_bits_per_second: 5_000_000_000,
            rtt_ns: 200_000,
            ..RunRow::default()
        };
        row.phases[2].wall_ns = Some(ms * 1_000_000);
        row.phases[2].bytes[1][2] = Some(5_000_000);
        row.phases[1].bytes[0][2] = Some(62_000_000);
        row
    }

    fn tables(which: PaperTable, rows: &[RunRow]) -> (String, String, String) {
        tables_of(&crate::systems::systems(), which, rows)
    }

    fn tables_of(
        systems: &[&'static dyn System],
        which: PaperTable,
        rows: &[RunRow],
    ) -> (String, String, String) {
        let dir = tempfile::tempdir().unwrap();
        let spec = TableSpec {
            kind: TableKind::Paper,
            published: which,
        };
        let html = write(systems, &[spec], rows, dir.path()).unwrap();
        let read = |name: &str| {
            let stem = format!("01-{}", name_of(PAPER_TABLES, &which));
            std::fs::read_to_string(dir.path().join(format!("tables/{stem}{name}"))).unwrap()
        };
        assert!(html.contains("as published"));
        assert!(read(".md").contains("| system |"));
        (read("-values.csv"), read("-ratios.csv"), html)
    }

    fn lines<'a>(csv: &'a str, starts: &str) -> Vec<&'a str> {
        csv.lines().filter(|l| l.starts_with(starts)).collect()
    }

    #[test]
    fn without_rows_the_published_values_stand_alone() {
        let (values, ratios, html) = tables(PaperTable::Table2, &[]);
        assert_eq!(lines(&values, "table2,").len(), 6);
        assert!(!html.contains("not implemented here yet"), "all three are");
        let sigma = lines(&values, "table2,sigma");
        assert!(sigma.iter().all(|l| l.contains("not measured in this run")));
        // Not one ratio: no length is stated.
        for line in lines(&ratios, "table2,") {
            assert!(line.contains("sequence length not stated"), "{line}");
            assert!(line.contains(",,,,,"), "{line}");
        }
        assert_eq!(lines(&ratios, "table2,").len(), 3, "{ratios}");
    }

    #[test]
    fn lengths_are_never_mixed() {
        let rows: Vec<RunRow> = (0..3)
            .flat_map(|r| {
                [
                    row("lut-rss", 8, r, 50 + r as u64),
                    row("lut-rss", 128, r, 400),
                    row("crypten", 128, r, 20_000),
                ]
            })
            .collect();
        let (values, ratios, _) = tables(PaperTable::Table2, &rows);
        // The published lines keep their numbers to themselves; ours follow with their lengths.
        assert_eq!(
            lines(&values, "table2,lut-rss,online,ms,8,1,cpu,,").len(),
            1
        );
        assert_eq!(
            lines(&values, "table2,lut-rss,online,ms,128,1,cpu,,").len(),
            1
        );
        assert_eq!(
            lines(&values, "table2,lut-rss,online,ms,,4,cpu,1315.4,").len(),
            1
        );
        let formed: Vec<&str> = lines(&ratios, "table2,crypten,lut-rss,online,128,1,")
            .into_iter()
            .collect();
        assert_eq!(formed.len(), 1, "{ratios}");
        assert!(
            formed[0].contains(",,50.000,50.000,50.000,3,"),
            "{formed:?}"
        );
        assert_eq!(lines(&ratios, "table2,crypten,lut-rss,online,8,").len(), 0);
    }

    #[test]
    fn other_networks_and_models_stay_out() {
        let mut slow = row("lut-rss", 8, 0, 50);
        slow.rtt_ns = 40_000_000;
        let mut small = row("lut-rss", 8, 0, 50);
        small.model = "bert-base-2x768h12f3072".into();
        let (values, ..) = tables(PaperTable::Table2, &[slow, small]);
        assert_eq!(lines(&values, "table2,lut-rss").len(), 3, "{values}");
    }

    #[test]
    fn traffic_of_the_same_length_is_divided() {
        let mut rows = [row("lut-rss", 8, 0, 50), row("crypten", 8, 0, 5000)];
        rows[0].activation = "relu".into();
        rows[1].activation = "gelu".into();
        let (values, ratios, _) = tables(PaperTable::Table4, &rows);
        let online = lines(&values, "table4,lut-rss,online,MB,8,");
        assert!(
            online[0].contains(",4.43,") && online[0].contains(",1.129,"),
            "{online:?}"
        );
        let longer = lines(&values, "table4,lut-rss,online,MB,16,");
        assert!(longer[0].contains("not measured in this run"), "{longer:?}");
        // CrypTen's published traffic is of another model: beside ours it stands, divided it is not.
        let crypten = lines(&ratios, "table4,crypten,lut-rss,online,8,");
        assert_eq!(crypten.len(), 1, "{ratios}");
        assert!(
            crypten[0].contains("8,,,1.000,") && crypten[0].contains("GPT-2"),
            "{crypten:?}"
        );
        assert!(crypten[0].ends_with("gelu against relu"), "{crypten:?}");
        let sigma = lines(&ratios, "table4,sigma,lut-rss,online,8,");
        assert!(
            sigma[0].contains(",9.770,") && sigma[0].contains("not measured"),
            "{sigma:?}"
        );
    }

    #[test]
    fn the_wan_table_divides_what_it_can() {
        let (values, ratios, html) = tables(PaperTable::Table3, &[]);
        assert!(!html.contains("not implemented here yet"), "all are");
        let own = lines(&values, "table3,lut-mul");
        assert!(own.iter().all(|l| l.contains("not measured in this run")));
        let mul = lines(&ratios, "table3,lut-mul,lut-rss,online,8,96,7.841,");
        assert_eq!(mul.len(), 1, "{ratios}");
        // A binary that brings fewer systems says so.
        let mut fewer = crate::systems::systems();
        fewer.retain(|system| system.id() != "lut-mul");
        let (values, ..) = tables_of(&fewer, PaperTable::Table3, &[]);
        let absent = lines(&values, "table3,lut-mul");
        assert!(!absent.is_empty());
        assert!(
            absent
                .iter()
                .all(|l| l.contains("not implemented here yet"))
        );
    }
}
