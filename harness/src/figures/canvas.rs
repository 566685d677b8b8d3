//! Lines, shapes and text in points, drawn the same into SVG and PNG.

use super::style::{INK, Look, Marker, SHAPES, marker};
use crate::names::shown;
use anyhow::{Result, anyhow};
use plotters::backend::DrawingBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A point, from the upper left corner.
pub type Point = (f64, f64);

/// Where text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Starts at the point.
    Start,
    /// Centred on the point.
    Middle,
    /// Ends at the point.
    End,
    /// Centred and turned to read upwards.
    Upwards,
}

/// Something to draw on; `scale` pixels a point.
pub struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    scale: f64,
    drawn: RefCell<BTreeSet<char>>,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    /// A canvas over a whole drawing area.
    pub fn new(area: &'a DrawingArea<DB, Shift>, scale: f64) -> Self {
        Self {
            area,
            scale,
            drawn: RefCell::default(),
        }
    }

    /// Every character that was drawn.
    pub fn characters(&self) -> BTreeSet<char> {
        self.drawn.take()
    }

    fn at(&self, point: Point) -> (i32, i32) {
        let pixel = |v: f64| (v * self.scale).round() as i32;
        (pixel(point.0), pixel(point.1))
    }

    fn stroke(&self, color: RGBColor, width: f64) -> ShapeStyle {
        let pixels = (width * self.scale).round().max(1.0);
        color.stroke_width(pixels as u32)
    }

    /// An open line through points.
    pub fn line(&self, points: &[Point], color: RGBColor, width: f64) -> Result<()> {
        let path: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        let style = self.stroke(color, width);
        self.area
            .draw(&PathElement::new(path, style))
            .map_err(failed)
    }

    /// A dashed line between two points.
    pub fn dashed(&self, from: Point, to: Point, color: RGBColor, width: f64) -> Result<()> {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let dashes = (length / 9.0).floor().max(1.0);
        let along = |t: f64| (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
        for dash in 0..dashes as usize {
            let start = dash as f64 / dashes;
            self.line(&[along(start), along(start + 0.55 / dashes)], color, width)?;
        }
        Ok(())
    }

    /// A filled shape.
    pub fn fill(&self, points: &[Point], color: RGBColor) -> Result<()> {
        let path: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.area
            .draw(&Polygon::new(path, color.filled()))
            .map_err(failed)
    }

    /// A bar between two corners: filled and hatched by its look, or hollow and hatched where published.
    pub fn bar(&self, low: Point, high: Point, look: Look) -> Result<()> {
        let (left, right) = (low.0.min(high.0), low.0.max(high.0));
        let (top, bottom) = (low.1.min(high.1), low.1.max(high.1));
        if right - left < 0.5 || bottom - top < 0.01 {
            return Ok(());
        }
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        let (fill, lines) = if look.hollow {
            (RGBColor(255, 255, 255), look.color())
        } else {
            (look.color(), RGBColor(255, 255, 255))
        };
        self.fill(&corners[..4], fill)?;
        // What is published is never plain.
        let pattern = if look.hollow {
            look.shape % (SHAPES - 1) + 1
        } else {
            look.shape % SHAPES
        };
        // Lighter than a hatched bar that is measured, in greyscale too.
        let apart = if look.hollow { 1.7 } else { 1.0 };
        let inside = ((left, top), (right, bottom));
        self.hatch(inside, pattern, apart, lines)?;
        self.line(&corners, look.color(), 1.0)
    }

    /// Hatching inside a rectangle, at so many times the usual distances: 0 none, 1 rising, 2 falling, 3 level, 4 upright, 5 both slopes, 6 a grid,
    /// 7 wide rising.
    fn hatch(
        &self,
        (from, to): (Point, Point),
        pattern: usize,
        apart: f64,
        color: RGBColor,
    ) -> Result<()> {
        match pattern {
            1 => self.slopes(from, to, 6.0 * apart, true, color),
            2 => self.slopes(from, to, 6.0 * apart, false, color),
            3 => self.levels(from, to, 6.0 * apart, color),
            4 => self.uprights(from, to, 6.0 * apart, color),
            5 => {
                self.slopes(from, to, 9.0 * apart, true, color)?;
                self.slopes(from, to, 9.0 * apart, false, color)
            }
            6 => {
                self.levels(from, to, 7.0 * apart, color)?;
                self.uprights(from, to, 7.0 * apart, color)
            }
            7 => self.slopes(from, to, 13.0 * apart, true, color),
            _ => Ok(()),
        }
    }

    /// Slanted lines inside a rectangle.
    fn slopes(
        &self,
        from: Point,
        to: Point,
        gap: f64,
        rising: bool,
        color: RGBColor,
    ) -> Result<()> {
        let (width, height) = (to.0 - from.0, to.1 - from.1);
        let mut offset = gap;
        while offset < width + height {
            // From the left or lower edge to the upper or right edge.
            let a = ((offset - height).max(0.0), offset.min(height));
            let b = (offset.min(width), (offset - width).max(0.0));
            let turn = |p: Point| {
                let y = if rising { p.1 } else { height - p.1 };
                (from.0 + p.0, from.1 + y)
            };
            self.line(&[turn(a), turn(b)], color, 1.0)?;
            offset += gap;
        }
        Ok(())
    }

    fn levels(&self, from: Point, to: Point, gap: f64, color: RGBColor) -> Result<()> {
        let mut y = from.1 + gap;
        while y < to.1 {
            self.line(&[(from.0, y), (to.0, y)], color, 1.0)?;
            y += gap;
        }
        Ok(())
    }

    fn uprights(&self, from: Point, to: Point, gap: f64, color: RGBColor) -> Result<()> {
        let mut x = from.0 + gap;
        while x < to.0 {
            self.line(&[(x, from.1), (x, to.1)], color, 1.0)?;
            x += gap;
        }
        Ok(())
    }

    /// The marker of a look.
    pub fn marker(&self, (x, y): Point, look: Look) -> Result<()> {
        let r = 4.5;
        let color = look.color();
        let paper = RGBColor(255, 255, 255);
        let corners: Vec<Point> = match marker(look) {
            Marker::Circle => {
                let disc = |radius: f64, color: RGBColor| {
                    let radius = (radius * self.scale) as i32;
                    let disc = Circle::new(self.at((x, y)), radius, color.filled());
                    self.area.draw(&disc).map_err(failed)
                };
                disc(r, color)?;
                if look.hollow {
                    disc(r - 1.5, paper)?;
                }
                return Ok(());
            }
            Marker::Square => vec![(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Triangle => vec![(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Marker::Diamond => vec![(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Marker::Wedge => vec![(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
            Marker::Star => (0..10)
                .map(|i| {
                    let radius = if i % 2 == 0 { 1.4 } else { 0.6 };
                    let angle = f64::from(i) * std::f64::consts::PI / 5.0;
                    (radius * angle.sin(), -radius * angle.cos())
                })
                .collect(),
            Marker::Plus => [
                (-0.35, -1.2),
                (0.35, -1.2),
                (0.35, -0.35),
                (1.2, -0.35),
                (1.2, 0.35),
                (0.35, 0.35),
                (0.35, 1.2),
                (-0.35, 1.2),
                (-0.35, 0.35),
                (-1.2, 0.35),
                (-1.2, -0.35),
                (-0.35, -0.35),
            ]
            .to_vec(),
            Marker::Hourglass => vec![(-1.0, -1.1), (1.0, -1.1), (-1.0, 1.1), (1.0, 1.1)],
        };
        let scaled = |size: f64| -> Vec<Point> {
            corners
                .iter()
                .map(|c| (x + c.0 * size, y + c.1 * size))
                .collect()
        };
        self.fill(&scaled(r), color)?;
        if look.hollow {
            self.fill(&scaled(r - 1.8), paper)?;
        }
        Ok(())
    }

    /// A vertical error bar with end caps.
    pub fn whisker(&self, x: f64, low: f64, high: f64, color: RGBColor) -> Result<()> {
        if (low - high).abs() < 1.0 {
            return Ok(());
        }
        self.line(&[(x, low), (x, high)], color, 1.2)?;
        for y in [low, high] {
            self.line(&[(x - 3.5, y), (x + 3.5, y)], color, 1.2)?;
        }
        Ok(())
    }

    /// Text, vertically centred on its point.
    pub fn text(&self, text: &str, at: Point, size: f64, anchor: Anchor) -> Result<()> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle | Anchor::Upwards => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let mut font = ("sans-serif", size * self.scale).into_font();
        if anchor == Anchor::Upwards {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = TextStyle::from(font)
            .color(&INK)
            .pos(Pos::new(horizontal, VPos::Center));
        // What cannot be seen, and what XML cannot hold, has come from a run of before names were checked.
        let text = shown(text);
        self.drawn.borrow_mut().extend(text.chars());
        let text = Text::new(text, self.at(at), style);
        self.area.draw(&text).map_err(failed)
    }
}

/// About how wide a text is, points: enough to lay out a legend.
pub fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.52
}

fn failed(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("drawing: {error:?}")
}
