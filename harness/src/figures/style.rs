//! Colours, markers and hatchings: one of each for a system wherever it appears, told apart without colour
//! too.

use ab_glyph::{Font, FontRef, GlyphId};
use plotters::style::{FontStyle, RGBColor, register_font};
use std::collections::BTreeSet;
use std::sync::Once;

/// The colour-blind-safe palette of Okabe and Ito (2008), with grey in place of yellow, which is too light for
/// lines.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(120, 120, 120),
];

/// Text and axes.
pub const INK: RGBColor = RGBColor(40, 40, 40);
/// What is drawn on.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(222, 222, 222);

/// Systems with a place of their own in the palette: the same colour, marker and hatching in every figure.
const SYSTEMS: [(&str, usize); 11] = [
    ("lut-rss", 0),
    ("crypten", 1),
    ("sigma", 2),
    ("lut-mul", 3),
    ("fixed-trunc", 4),
    ("own", 5),
    ("crypten-pypi", 6),
    ("lut-trunc", 7),
    // Colours start again, shapes do not.
    ("spu-aby3", 12),
    ("spu-semi2k", 13),
    ("lut-fine", 21),
];

/// How one series looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Place in the palette.
    pub index: usize,
    /// Place among markers and hatchings.
    pub shape: usize,
    /// As published rather than measured: hollow markers, dashed lines, hatched bars.
    pub hollow: bool,
}

impl Look {
    /// A measured series of a place.
    pub const fn measured(index: usize) -> Self {
        Self {
            index,
            // When colours start again, shapes do not.
            shape: index + index / PALETTE.len(),
            hollow: false,
        }
    }

    /// The colour.
    pub const fn color(self) -> RGBColor {
        PALETTE[self.index % PALETTE.len()]
    }
}

/// Marker shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Disc.
    Circle,
    /// Upright square.
    Square,
    /// Triangle, tip up.
    Triangle,
    /// Square on its corner.
    Diamond,
    /// Triangle, tip down.
    Wedge,
    /// Five-pointed star.
    Star,
    /// Upright cross.
    Plus,
    /// Two triangles, tip to tip.
    Hourglass,
}

/// Markers, and hatchings.
pub const SHAPES: usize = 8;

/// The marker of a look.
pub const fn marker(look: Look) -> Marker {
    match look.shape % SHAPES {
        0 => Marker::Circle,
        1 => Marker::Square,
        2 => Marker::Triangle,
        3 => Marker::Diamond,
        4 => Marker::Wedge,
        5 => Marker::Star,
        6 => Marker::Plus,
        _ => Marker::Hourglass,
    }
}

/// The place of a series: fixed for a system, in order of appearance for anything else.
pub fn place(column: &str, value: &str, order: usize) -> usize {
    if column != "system" {
        return order;
    }
    match SYSTEMS.iter().find(|(system, _)| *system == value) {
        Some((_, place)) => *place,
        // Systems that users bring get a place by name, so that it is the same in every figure.
        None => [5, 7][value.bytes().map(usize::from).sum::<usize>() % 2],
    }
}

/// The characters that the embedded font has no glyph for.
pub fn unknown_to_font(characters: BTreeSet<char>) -> impl Iterator<Item = char> {
    let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok();
    let lacks = move |c: &char| {
        font.as_ref()
            .is_some_and(|font| font.glyph_id(*c) == GlyphId(0))
    };
    characters.into_iter().filter(lacks)
}

/// Makes the embedded font known to the drawing library, so that text looks the same on a machine without
/// fonts.
pub fn load_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The font is a constant of a released crate; were it unreadable, drawing text would say so.
        let _ = register_font(
            "sans-serif",
            FontStyle::Normal,
            epaint_default_fonts::UBUNTU_LIGHT,
        );
    });
}
