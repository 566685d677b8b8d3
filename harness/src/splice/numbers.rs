//! How many digits a number gets: the same for a whole column, so that its numbers can be read down.

use crate::units::digits;

/// A column of a table, a value a line; `None` where nothing was measured.
pub struct Column {
    values: Vec<Option<f64>>,
    decimals: usize,
}

impl Column {
    /// Its smallest value gets so many digits, every other one as many decimals.
    pub fn new(values: Vec<Option<f64>>, digits: i32) -> Self {
        let smallest = values.iter().flatten().copied().fold(f64::MAX, f64::min);
        let decimals = match smallest > 0.0 {
            true => digits - 1 - smallest.log10().floor() as i32,
            false => 0,
        };
        Self {
            decimals: usize::try_from(decimals).unwrap_or(0),
            values,
        }
    }

    /// Whether a line has a value.
    pub fn has(&self, line: usize) -> bool {
        self.values[line].is_some()
    }

    /// Whether no line has one.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// The number of a line.
    pub fn number(&self, line: usize) -> String {
        self.text(line, |value| format!("{value:.*}", self.decimals))
    }

    /// The seconds of a line: three digits from a second on.
    pub fn seconds(&self, line: usize) -> String {
        self.text(line, |value| match value < 1.0 {
            true => format!("{value:.*} s", self.decimals),
            false => format!("{} s", digits(value)),
        })
    }

    fn text(&self, line: usize, text: impl Fn(f64) -> String) -> String {
        self.values[line].map_or_else(|| "not run".to_owned(), text)
    }
}

/// The name of a link as tables write it: `LAN` and `WAN` are abbreviations, other names are the scenario's.
pub fn link_name(link: &str) -> String {
    match link {
        "lan" | "wan" => link.to_uppercase(),
        link => link.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn a_column_has_as_many_decimals_as_its_smallest_value_needs() {
        let column =
            |values: &[f64], digits| Column::new(values.iter().map(|v| Some(*v)).collect(), digits);
        let times = column(&[0.0522, 0.1052, 0.4002, 6.054, 53.42, 137.2], 2);
        let texts: Vec<String> = (0..6).map(|line| times.seconds(line)).collect();
        assert_eq!(
            texts,
            ["0.052 s", "0.105 s", "0.400 s", "6.05 s", "53.4 s", "137 s"]
        );
        let traffic = column(&[5.5675, 113.29], 3);
        assert_eq!(
            (traffic.number(0), traffic.number(1)),
            ("5.57".into(), "113.29".into())
        );
        assert_eq!(column(&[1636.1, 8958.9], 2).number(1), "8959");
        let empty = Column::new(vec![None], 2);
        assert!(empty.is_empty() && !empty.has(0));
        assert_eq!(empty.seconds(0), "not run");
    }
}
