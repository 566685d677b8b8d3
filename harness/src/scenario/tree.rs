//! A TOML document whose every value knows where it was written, so that each refusal can name file,
//! line and field.

use crate::names::{is_text, shown, suggestion};
use toml::de::{DeTable, DeValue};

/// A refusal: where, which field, and one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `quick.toml:7` or `--set sweep.seq_len=..`.
    pub place: String,
    /// `sweep.seq_len`; empty where the file as a whole is meant.
    pub field: String,
    /// What is wrong, with what would be right.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.place, self.what)
        } else {
            write!(f, "{}: `{}`: {}", self.place, shown(&self.field), self.what)
        }
    }
}
impl std::error::Error for Problem {}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// `file:line`, or the `--set` it came from.
    pub place: String,
    /// Dotted path from the root.
    pub field: String,
    /// What was written.
    pub value: Value,
}

/// What a TOML value may be here.
#[derive(Clone, Debug)]
pub enum Value {
    /// `"text"`
    Text(String),
    /// `3`
    Whole(i64),
    /// `0.5`
    Real(f64),
    /// `true`
    Truth(bool),
    /// `[..]`
    List(Vec<Node>),
    /// `[table]`, in order of writing.
    Table(Vec<(String, Node)>),
}

impl Value {
    /// The kind, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a whole number",
            Self::Real(_) => "a fraction",
            Self::Truth(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Parses a document.
///
/// # Errors
/// The first syntax error, with its line.
pub fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem {
        place: format!(
            "{file}:{}",
            line_of(text, error.span().map_or(0, |s| s.start))
        ),
        field: String::new(),
        what: format!("not valid TOML: {}", error.message()),
    })?;
    let place = |offset: usize| format!("{file}:{}", line_of(text, offset));
    convert(DeValue::Table(table.into_inner()), 0, String::new(), &place)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

fn convert(
    value: DeValue<'_>,
    offset: usize,
    field: String,
    place: &dyn Fn(usize) -> String,
) -> Result<Node, Problem> {
    let refuse = |what: String| Problem {
        place: place(offset),
        field: field.clone(),
        what,
    };
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let whole = i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| refuse(format!("`{}` is too large", number.as_str())))?;
            Value::Whole(whole)
        }
        DeValue::Float(number) => {
            let real = number.as_str().parse();
            Value::Real(real.map_err(|_| refuse(format!("`{}` is no number", number.as_str())))?)
        }
        DeValue::Boolean(truth) => Value::Truth(truth),
        DeValue::Datetime(_) => return Err(refuse("a date has no place here".into())),
        DeValue::Array(items) => {
            let mut list = Vec::new();
            for item in items {
                let at = item.span().start;
                list.push(convert(item.into_inner(), at, field.clone(), place)?);
            }
            Value::List(list)
        }
        DeValue::Table(table) => {
            let mut entries = Vec::new();
            for (key, item) in table {
                let at = key.span().start;
                let name = key.into_inner().into_owned();
                let path = if field.is_empty() {
                    name.clone()
                } else {
                    format!("{field}.{name}")
                };
                entries.push((at, name, convert(item.into_inner(), at, path, place)?));
            }
            entries.sort_by_key(|(at, _, _)| *at);
            Value::Table(
                entries
                    .into_iter()
                    .map(|(_, name, node)| (name, node))
                    .collect(),
            )
        }
    };
    Ok(Node {
        place: place(offset),
        field,
        value,
    })
}

impl Node {
    /// A refusal of this value.
    pub fn problem(&self, what: impl Into<String>) -> Problem {
        Problem {
            place: self.place.clone(),
            field: self.field.clone(),
            what: what.into(),
        }
    }

    /// The value as text, of several lines perhaps, which every file of a run can hold.
    pub fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Value::Text(text) => match text.chars().find(|c| !is_text(*c)) {
                None => Ok(text),
                Some(c) => Err(self.problem(format!(
                    "the character U+{:04X} stands in it, which no figure and no page can hold",
                    u32::from(c)
                ))),
            },
            other => Err(self.problem(format!("expected text in quotes, found {}", other.kind()))),
        }
    }

    /// The value as text of one line.
    pub fn line(&self) -> Result<&str, Problem> {
        let text = self.text()?;
        match text.chars().any(char::is_control) {
            true => Err(self.problem("is one line: remove line ends and tabs")),
            false => Ok(text),
        }
    }

    /// The value as a whole number within `range`.
    pub fn whole(&self, range: std::ops::RangeInclusive<u64>) -> Result<u64, Problem> {
        match &self.value {
            Value::Whole(number) => match u64::try_from(*number) {
                Ok(number) if range.contains(&number) => Ok(number),
                _ => Err(self.problem(format!(
                    "{number} is out of range: {} to {}",
                    range.start(),
                    range.end()
                ))),
            },
            other => Err(self.problem(format!("expected a whole number, found {}", other.kind()))),
        }
    }

    /// The value as a truth value.
    pub fn truth(&self) -> Result<bool, Problem> {
        match &self.value {
            Value::Truth(truth) => Ok(*truth),
            other => Err(self.problem(format!("expected true or false, found {}", other.kind()))),
        }
    }

    /// A list, or a single value as a list of one.
    pub fn list(&self) -> Result<Vec<&Node>, Problem> {
        match &self.value {
            Value::List(items) if items.is_empty() => Err(self.problem("the list is empty")),
            Value::List(items) => Ok(items.iter().collect()),
            Value::Table(_) => Err(self.problem("expected a value or a list, found a table")),
            _ => Ok(vec![self]),
        }
    }

    /// Reads a quantity with a unit: `read` gets the text, also of a bare number, and refuses the latter.
    pub fn unit<T>(&self, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Problem> {
        let text = match &self.value {
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            other => {
                return Err(
                    self.problem(format!("expected text in quotes, found {}", other.kind()))
                );
            }
        };
        read(&text).map_err(|what| self.problem(what))
    }

    /// The entry of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, n)| n),
            _ => None,
        }
    }

    /// The entries of a table, all of which must be among `known`.
    pub fn keys(&self, known: &[&str]) -> Result<(), Problem> {
        let Value::Table(entries) = &self.value else {
            return Err(self.problem(format!("expected a table, found {}", self.value.kind())));
        };
        for (name, node) in entries {
            if !known.contains(&name.as_str()) {
                return Err(
                    node.problem(format!("unknown key `{name}`{}", suggestion(name, known)))
                );
            }
        }
        Ok(())
    }

    /// Sets the value at a dotted path, making tables on the way.
    pub fn set(&mut self, path: &str, node: Node) {
        let Value::Table(entries) = &mut self.value else {
            // What is no table here is refused with its own message when it is read.
            return;
        };
        let (head, rest) = path
            .split_once('.')
            .map_or((path, None), |(h, r)| (h, Some(r)));
        let index = match entries.iter().position(|(name, _)| name == head) {
            Some(index) => index,
            None => {
                let table = Node {
                    place: node.place.clone(),
                    field: head.to_owned(),
                    value: Value::Table(Vec::new()),
                };
                entries.push((head.to_owned(), table));
                entries.len() - 1
            }
        };
        match rest {
            None => entries[index].1 = node,
            Some(rest) => entries[index].1.set(rest, node),
        }
    }
}
