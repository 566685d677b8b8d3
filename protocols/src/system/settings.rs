//! Choices that only some systems have, as data: a system lists them, and from there on scenario files, the command line,
//! content hashes, result rows and figures know them.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a setting may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// One of these names.
    Names(&'static [&'static str]),
    /// A whole number from the first to the second.
    Whole(u64, u64),
}

/// What stands in the place of a value that is left to whoever knows the link. No system ever sees it.
pub const AUTO: &str = "auto";

/// A choice that a scenario can make, with all that is said of it anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The key in `[sweep]` and `--set`, and the column in `runs.csv`.
    pub key: &'static str,
    /// What it may be.
    pub values: Values,
    /// What it is where nothing is said.
    pub default: &'static str,
    /// What `infer` takes where nothing is said, if that is something else.
    pub default_of_infer: Option<&'static str>,
    /// Whether it may be [`AUTO`]: the value with which an inference is cheapest on the link at hand, by declared cost. Only of choices
    /// that change neither what is computed nor whom it is kept from.
    pub auto: bool,
    /// Axis label, with a unit if it has one, such as `width of the cut [bits]`.
    pub label: &'static str,
    /// One sentence.
    pub help: &'static str,
}

impl Setting {
    /// The value that a text stands for, as it is written everywhere.
    ///
    /// # Errors
    /// What would be right.
    pub fn read(&self, text: &str) -> std::result::Result<String, String> {
        match self.values {
            Values::Names(names) if names.contains(&text) => Ok(text.to_owned()),
            Values::Names(names) => {
                Err(format!("unknown `{text}`; there are: {}", names.join(", ")))
            }
            Values::Whole(least, most) => match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                Ok(number) => Err(format!("{number} is out of range: {least} to {most}")),
                Err(_) => Err(format!(
                    "expected a whole number from {least} to {most}, found `{text}`"
                )),
            },
        }
    }

    /// The same where a value may also be left open.
    ///
    /// # Errors
    /// What would be right.
    pub fn read_or_auto(&self, text: &str) -> std::result::Result<String, String> {
        match (self.auto && text == AUTO, self.read(text)) {
            (true, _) => Ok(AUTO.to_owned()),
            (false, Err(what)) if self.auto => Err(format!("{what}, {AUTO}")),
            (false, read) => read,
        }
    }

    /// The values it may have, for people: `tournament or radix-sort`, `4 to 8`.
    pub fn choices(&self) -> String {
        match self.values {
            Values::Names(names) => {
                let auto = self.auto.then_some(AUTO);
                let all: Vec<&str> = names.iter().copied().chain(auto).collect();
                all.join(" or ")
            }
            Values::Whole(least, most) => format!("{least} to {most}"),
        }
    }

    /// The value in these settings, or the default.
    fn of<'a>(&self, settings: &'a Settings) -> &'a str {
        settings.get(self.key).unwrap_or(self.default)
    }

    /// The number in these settings, or the default.
    ///
    /// # Errors
    /// Something else than a number in range.
    pub fn whole(&self, settings: &Settings) -> Result<u64> {
        let wrong = |what: String| Error::Unsupported(format!("{}: {what}", self.key));
        let text = self.read(self.of(settings)).map_err(wrong)?;
        text.parse()
            .map_err(|_| wrong(format!("`{text}` is no number")))
    }

    /// The place of the name in these settings, or of the default, among the names.
    ///
    /// # Errors
    /// Another name.
    pub fn place(&self, settings: &Settings) -> Result<usize> {
        let wrong = |what: String| Error::Unsupported(format!("{}: {what}", self.key));
        let name = self.read(self.of(settings)).map_err(wrong)?;
        let place = match self.values {
            Values::Names(names) => names.iter().position(|n| *n == name),
            Values::Whole(..) => None,
        };
        place.ok_or_else(|| wrong(format!("`{name}` is no name")))
    }
}

/// Values of settings, by key, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// Every one of these settings at its default.
    pub fn defaults(of: &[Setting]) -> Self {
        of.iter().fold(Self::default(), |settings, setting| {
            settings.with(setting.key, setting.default)
        })
    }

    /// The same with one value set; a new key goes to the end.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.set(key, value.to_string());
        self
    }

    /// Sets one value; a new key goes to the end.
    pub fn set(&mut self, key: &str, value: String) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Refuses a key that is not among the settings of a system, or a value that its setting does not have.
///
/// # Errors
/// One sentence.
pub fn check(settings: &Settings, known: &[Setting]) -> Result<()> {
    for (key, value) in settings.iter() {
        let Some(setting) = known.iter().find(|s| s.key == key) else {
            return Err(Error::Unsupported(format!(
                "the system has no setting `{key}`"
            )));
        };
        setting
            .read(value)
            .map_err(|what| Error::Unsupported(format!("{key}: {what}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: Setting = Setting {
        key: "width",
        values: Values::Whole(4, 8),
        default: "4",
        default_of_infer: None,
        auto: false,
        label: "width [bits]",
        help: "Width.",
    };
    const WAY: Setting = Setting {
        key: "way",
        values: Values::Names(&["there", "back"]),
        ..WIDTH
    };

    #[test]
    fn values_are_read_or_refused_with_what_would_be_right() {
        assert_eq!(WIDTH.read("08").unwrap(), "8");
        assert!(WIDTH.read("9").unwrap_err().contains("4 to 8"));
        assert!(WIDTH.read("wide").unwrap_err().contains("whole number"));
        assert_eq!(WAY.read("back").unwrap(), "back");
        assert!(WAY.read("up").unwrap_err().contains("there, back"));
        // Left open only where that is allowed, and never for a system.
        let open = Setting { auto: true, ..WAY };
        assert_eq!(open.read_or_auto("auto").unwrap(), "auto");
        assert!(open.read_or_auto("up").unwrap_err().ends_with("back, auto"));
        assert!(open.read("auto").is_err() && WAY.read_or_auto("auto").is_err());
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let none = Settings::default();
        assert_eq!(WIDTH.whole(&none).unwrap(), 4);
        let some = Settings::default().with("way", "back").with("width", 5);
        assert_eq!(
            (WIDTH.whole(&some).unwrap(), WAY.place(&some).unwrap()),
            (5, 1)
        );
        assert!(WAY.place(&some.clone().with("way", "up")).is_err());
        check(&some, &[WIDTH, WAY]).unwrap();
        let refused = check(&some, &[WIDTH]).unwrap_err().to_string();
        assert!(refused.contains("no setting `way`"), "{refused}");
    }
}
