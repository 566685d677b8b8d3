//! Figures as SVG and PNG, from rows alone.

pub mod axes;
pub mod bars;
pub mod canvas;
pub mod data;
pub mod growth;
pub mod heatmap;
pub mod lines;
pub mod pareto;
pub mod speedup;
pub mod stacked;
pub mod style;

use crate::record::runs::RunRow;
use crate::record::steps::StepRow;
use crate::record::trace::Trace;
use crate::scenario::{FigureKind, FigureSpec};
use anyhow::{Context, Result, anyhow};
use axes::PANEL;
use bars::{Bars, Foot};
use canvas::{Anchor, Canvas, text_width};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::drawing::IntoDrawingArea;
use plotters::style::WHITE;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use style::Look;

/// A drawing that knows its size and draws itself on either backend.
trait Drawing {
    /// Width and height, points.
    fn size(&self) -> (f64, f64);
    /// Draws.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()>;
}

/// A figure's panels in a grid, its title above and its legend below, where it covers nothing.
struct Sheet<'a> {
    title: &'a str,
    panels: usize,
    legend: Vec<(String, Look)>,
    /// Height below each panel for what it adds, points.
    below: f64,
    /// A line of text at the foot; empty for none.
    note: &'a str,
}

impl<'a> Sheet<'a> {
    fn new(title: &'a str, panels: usize, legend: Vec<(String, Look)>) -> Self {
        Self {
            title,
            panels,
            legend,
            below: 0.0,
            note: "",
        }
    }
}

impl Sheet<'_> {
    fn columns(&self) -> usize {
        match self.panels {
            0..=3 => self.panels.max(1),
            4 => 2,
            _ => 3,
        }
    }

    /// The upper left corner of a panel.
    fn corner(&self, panel: usize) -> (f64, f64) {
        let columns = self.columns();
        let (column, row) = (panel % columns, panel / columns);
        (
            column as f64 * PANEL.0,
            34.0 + row as f64 * (PANEL.1 + self.below),
        )
    }

    /// Legend entries in lines, with their offset.
    fn lines(&self) -> Vec<Vec<(f64, &(String, Look))>> {
        let width = self.columns() as f64 * PANEL.0;
        let mut lines = vec![Vec::new()];
        let mut x = 24.0;
        for entry in &self.legend {
            let need = 46.0 + text_width(&entry.0, 12.0);
            if x + need > width && x > 24.0 {
                lines.push(Vec::new());
                x = 24.0;
            }
            if let Some(line) = lines.last_mut() {
                line.push((x, entry));
            }
            x += need;
        }
        lines
    }

    fn size(&self) -> (f64, f64) {
        let columns = self.columns();
        let rows = self.panels.max(1).div_ceil(columns);
        let mut legend = self.lines().len() as f64 * 20.0 + 12.0;
        if self.legend.is_empty() {
            legend = 12.0;
        }
        if !self.note.is_empty() {
            legend += 18.0;
        }
        (
            columns as f64 * PANEL.0,
            34.0 + rows as f64 * (PANEL.1 + self.below) + legend,
        )
    }

    /// Draws title and legend; `sample` draws an entry's sample at a point.
    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        sample: impl Fn(&Canvas<'_, DB>, (f64, f64), Look) -> Result<()>,
    ) -> Result<()> {
        let (width, height) = self.size();
        // A long title over a single panel gets smaller letters.
        let size = 16.0 * ((width - 24.0) / text_width(self.title, 16.0)).min(1.0);
        canvas.text(self.title, (width / 2.0, 18.0), size, Anchor::Middle)?;
        let lines = self.lines();
        if !self.note.is_empty() {
            let at = (width / 2.0, height - 14.0);
            canvas.text(self.note, at, 11.5, Anchor::Middle)?;
        }
        let top = height - lines.len() as f64 * 20.0 - 2.0;
        for (index, line) in lines.iter().enumerate() {
            let y = top + index as f64 * 20.0;
            for (x, (name, look)) in line {
                sample(canvas, (*x, y), *look)?;
                canvas.text(name, (x + 32.0, y), 12.0, Anchor::Start)?;
            }
        }
        Ok(())
    }
}

/// Draws every figure of a run into a folder; returns file stems with titles.
///
/// # Errors
/// A folder that cannot be written.
pub fn draw_all(
    specs: &[FigureSpec],
    rows: &[RunRow],
    steps: &[StepRow],
    traces: &[Trace],
    folder: &Path,
) -> Result<Vec<(String, String)>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut drawn = Vec::new();
    let lacking = RefCell::default();
    for (index, spec) in specs.iter().enumerate() {
        let stem = format!(
            "{:02}-{}-{}",
            index + 1,
            spec.y.join("-"),
            kind_name(spec.kind)
        );
        let path = folder.join(&stem);
        let title = match spec.kind {
            FigureKind::Stacked => stacked::build(spec, rows, steps)
                .map(|figure| save(&figure, &path, &lacking).map(|()| figure.title)),
            FigureKind::Heatmap => heatmap::build(spec, rows, traces)?
                .map(|figure| save(&figure, &path, &lacking).map(|()| figure.title)),
            FigureKind::SpeedupMap => heatmap::build_speedup(spec, rows, traces)?
                .map(|figure| save(&figure, &path, &lacking).map(|()| figure.title)),
            FigureKind::Pareto => pareto::build(spec, rows)
                .map(|figure| save(&figure, &path, &lacking).map(|()| figure.title)),
            FigureKind::Speedup => speedup::build(spec, rows).map(|figure| {
                let title = figure.title.clone();
                save(&Bars::new(figure, Foot::One), &path, &lacking).map(|()| title)
            }),
            kind => data::figure(spec, rows).map(|figure| {
                let title = figure.title.clone();
                match kind {
                    FigureKind::Bars => {
                        let foot = foot(spec, &figure);
                        save(&Bars::new(figure, foot), &path, &lacking)
                    }
                    FigureKind::Growth => {
                        save(&growth::Growth::new(figure, &spec.x), &path, &lacking)
                    }
                    _ => save(&lines::Lines(figure), &path, &lacking),
                }
                .map(|()| title)
            }),
        };
        // A figure that these rows have nothing for is left out.
        let Some(title) = title.transpose()? else {
            continue;
        };
        drawn.push((stem, title));
    }
    let lacking: String = lacking.into_inner().into_iter().collect();
    if !lacking.is_empty() {
        crate::note!(
            "note: the font of the PNGs in {} has no `{lacking}`, so boxes stand there; the SVGs and the report have them",
            folder.display()
        );
    }
    Ok(drawn)
}

/// Draws a figure that is made of no rows, as lines: `path.svg` and `path.png`.
///
/// # Errors
/// Files that cannot be written.
pub fn draw_lines(figure: data::Figure, path: &Path) -> Result<()> {
    save(&lines::Lines(figure), path, &RefCell::default())
}

/// What the bars of a figure start from: as its `log` says, else a logarithmic axis for the traffic of several
/// systems that spans more than a decade.
fn foot(spec: &FigureSpec, figure: &data::Figure) -> Foot {
    let counts = spec.y.iter().all(|y| !y.ends_with("seconds"));
    let several = spec.series == "system"
        && figure.panels.iter().any(|panel| {
            let measured = panel.series.iter().filter(|s| !s.look.hollow);
            measured.count() > 1
        });
    let wide = || {
        figure.panels.iter().any(|panel| {
            let medians = panel.series.iter().flat_map(|s| &s.points);
            let medians = medians.map(|(_, s)| s.median).filter(|m| *m > 0.0);
            let (low, high) = medians.fold((f64::INFINITY, 0.0_f64), |(low, high), m| {
                (low.min(m), high.max(m))
            });
            high > 10.0 * low
        })
    };
    if spec.log.unwrap_or_else(|| counts && several && wide()) {
        Foot::Logarithm
    } else {
        Foot::Zero
    }
}

fn kind_name(kind: FigureKind) -> &'static str {
    crate::names::name_of(crate::scenario::FIGURE_KINDS, &kind)
}

/// Writes `path.svg` and `path.png`, the latter at two pixels a point; notes which characters the latter lacks.
fn save(drawing: &impl Drawing, path: &Path, lacking: &RefCell<BTreeSet<char>>) -> Result<()> {
    style::load_font();
    let (width, height) = drawing.size();
    let (width, height) = (width.ceil() as u32, height.ceil() as u32);
    let failed = |what: &dyn std::fmt::Debug| anyhow!("cannot draw {}: {what:?}", path.display());
    let svg = path.with_extension("svg");
    {
        let area = SVGBackend::new(&svg, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(|e| failed(&e))?;
        drawing.draw(&Canvas::new(&area, 1.0))?;
        area.present().map_err(|e| failed(&e))?;
    }
    let (width, height) = (2 * width, 2 * height);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(|e| failed(&e))?;
        let canvas = Canvas::new(&area, 2.0);
        drawing.draw(&canvas)?;
        area.present().map_err(|e| failed(&e))?;
        let characters = canvas.characters();
        lacking
            .borrow_mut()
            .extend(style::unknown_to_font(characters));
    }
    write_png(&path.with_extension("png"), width, height, &pixels).map_err(|e| failed(&e))
}

/// Writes pixels of 8-bit red, green and blue.
fn write_png(path: &Path, width: u32, height: u32, pixels: &[u8]) -> Result<()> {
    let file = std::fs::File::create(path)?;
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    Ok(writer.finish()?)
}

/// Legend entries of all panels, each once.
fn legend_of(figure: &data::Figure) -> Vec<(String, Look)> {
    let mut legend: Vec<(String, Look)> = Vec::new();
    for series in figure.panels.iter().flat_map(|p| &p.series) {
        let entry = (series.name.clone(), series.look);
        if !legend.contains(&entry) {
            legend.push(entry);
        }
    }
    legend
}
