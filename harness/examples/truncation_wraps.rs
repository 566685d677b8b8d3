//! How often a local truncation wraps: truncates numbers of several sizes by `aby3-local`, under shares that the parties draw from their
//! seeds, counts what comes out off by `2^(64 - f)`, and draws it over what is expected. Writes a CSV file and a figure.
//!
//! ```text
//! cargo run --release -p qbench --example truncation_wraps -- results/truncation-wraps [MILLIONS]
//! ```
//!
//! A shared number of `|x|` wraps with probability `|x| / 2^64`, since that many of all 2^64 masks put one half beyond the end of the
//! ring; ABY3 bounds it by `2^(l + 1 - 64)` for numbers of l bits. A model that truncates some 90 million numbers of 40 bits, as BERT-base with
//! 128 tokens and 16 fractional bits does, meets it several times. Whoever tests with fixed masks never does.

use anyhow::{Context, Result};
use qbench::figures::data::{Figure, Panel, Series};
use qbench::figures::draw_lines;
use qbench::figures::style::Look;
use qbench::stats::Summary;
use qbench_baselines::fixed_trunc::products::{Factors, untruncated};
use qbench_baselines::fixed_trunc::truncate::truncate;
use qbench_baselines::fixed_trunc::weight::from_p0;
use qbench_baselines::fixed_trunc::{Choices, settings};
use qbench_protocols::system::Settings;
use qbench_protocols::testing::functionality::{components, run};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Bits of the numbers before truncation.
const SIZES: [u32; 6] = [38, 40, 42, 44, 46, 48];
const FRACTION_BITS: u32 = 16;
/// Numbers truncated at a time.
const BATCH: usize = 1 << 20;
/// What counts are given for: the truncations of an inference of BERT-base with 128 tokens.
const PER: f64 = 90e6;

/// Wraps among so many batches of numbers of `bits` bits.
fn wraps(choices: &Choices, bits: u32, batches: usize) -> u64 {
    let value = 1u64 << bits;
    let expected = value >> FRACTION_BITS;
    let one_batch = |_| {
        let ran = run(1, |runtime| {
            let shared = |runtime: &mut _, value: u64| {
                from_p0(runtime, BATCH, &move |_, out: &mut [u64]| out.fill(value))
            };
            // A product's components are fresh, each.
            let (x, one) = (shared(runtime, value)?, shared(runtime, 1)?);
            let x = untruncated(runtime, &Factors::elements(&x, &one))?;
            truncate(runtime, choices, &x, FRACTION_BITS)
        });
        let out = components(&ran.outputs).sum();
        out.iter().filter(|y| **y != expected).count() as u64
    };
    (0..batches).map(one_batch).sum()
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder to write to")?);
    let millions: usize = arguments.next().map_or(Ok(90), |text| text.parse())?;
    let batches = (millions * 1_000_000).div_ceil(BATCH);
    let settings = Settings::default().with(settings::TRUNCATION.key, "aby3-local");
    let choices = Choices::of(&settings)?;
    std::fs::create_dir_all(&folder)?;
    let mut csv = String::from("value_bits,fraction_bits,truncations,wraps,expected,aby3_bound\n");
    let (mut counted, mut expected) = (Vec::new(), Vec::new());
    for bits in SIZES {
        let wraps = wraps(&choices, bits, batches);
        let truncations = (batches * BATCH) as f64;
        let rate = 2f64.powi(bits as i32 - 64);
        println!(
            "{bits} bits: {wraps} of {truncations} truncations wrapped, {:.1} expected",
            truncations * rate
        );
        let (mean, bound) = (truncations * rate, truncations * 2.0 * rate);
        writeln!(
            csv,
            "{bits},{FRACTION_BITS},{truncations},{wraps},{mean},{bound}"
        )?;
        let scale = PER / truncations;
        // Counts of rare events: two standard deviations.
        let spread = 2.0 * (wraps as f64).sqrt();
        let point = |median: f64, spread: f64| Summary {
            median: median * scale,
            low: (median - spread).max(0.0) * scale,
            high: (median + spread) * scale,
            count: 1,
        };
        counted.push((bits.to_string(), point(wraps as f64, spread)));
        expected.push((bits.to_string(), point(mean, 0.0)));
    }
    std::fs::write(folder.join("wraps.csv"), csv)?;
    let series = |name: &str, hollow, points| Series {
        name: name.to_owned(),
        look: Look {
            hollow,
            ..Look::measured(4)
        },
        points,
    };
    let figure = Figure {
        title: "Wraps of the local truncation (ABY3) in an inference".into(),
        x_label: "bits of the truncated number".into(),
        xs: SIZES.iter().map(u32::to_string).collect(),
        panels: vec![Panel {
            heading: "Z_2^64, masks of the parties' seeds".into(),
            y_label: "wraps in 90 million truncations".into(),
            series: vec![
                series("counted", false, counted),
                series("expected, |x| / 2^64 each", true, expected),
            ],
        }],
    };
    draw_lines(figure, &folder.join("wraps"))?;
    println!("written to {}", folder.display());
    Ok(())
}
