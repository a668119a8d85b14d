//! Types that a setting may have, and the ranges that bound them. Never knows
//! which keys exist.

use std::fmt::Display;

/// A type that a setting can have.
pub trait Setting: Sized {
    /// Reads a TOML value; the error says what was expected.
    ///
    /// # Errors
    /// The value has another type.
    fn read(raw: &toml::Value) -> Result<Self, String>;
    /// The value as TOML text.
    fn show(&self) -> String;
}

/// The values that a setting may take.
pub trait Allowed<T> {
    /// `None` when `value` is allowed, otherwise what is.
    fn objection(&self, value: &T) -> Option<String>;
    /// The range in words, for the reference file; empty when anything goes.
    fn words(&self) -> String;
}

/// Anything of the type.
pub struct Any;
/// From the first to the second, both allowed.
pub struct Between<T>(pub T, pub T);
/// One of these words.
pub struct OneOf(pub &'static [&'static str]);
/// Text of at most this many characters.
pub struct Chars(pub usize);

/// Empty, or from so many to so many digits.
pub struct Digits(pub usize, pub usize);
/// A colour as `#rrggbb`.
pub struct HexColour;

impl Allowed<String> for Digits {
    fn objection(&self, value: &String) -> Option<String> {
        let fits =
            (self.0..=self.1).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
        // What was typed for a PIN is told to nobody.
        (!value.is_empty() && !fits).then(|| format!("it is not {}", Allowed::<String>::words(self)))
    }
    fn words(&self) -> String {
        format!("{} to {} digits, or empty", self.0, self.1)
    }
}

impl Allowed<String> for HexColour {
    fn objection(&self, value: &String) -> Option<String> {
        rgb(value).is_none().then(|| format!("{value:?} is not a colour like #0f5c4a"))
    }
    fn words(&self) -> String {
        "#rrggbb".into()
    }
}

/// Red, green and blue of `#rrggbb`.
#[must_use]
pub fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    Some([part(0)?, part(2)?, part(4)?])
}

impl<T> Allowed<T> for Any {
    fn objection(&self, _: &T) -> Option<String> {
        None
    }
    fn words(&self) -> String {
        String::new()
    }
}

impl<T: PartialOrd + Display> Allowed<T> for Between<T> {
    fn objection(&self, value: &T) -> Option<String> {
        let inside = *value >= self.0 && *value <= self.1;
        (!inside).then(|| format!("{value} is outside {}", Allowed::<T>::words(self)))
    }
    fn words(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
}

impl Allowed<String> for OneOf {
    fn objection(&self, value: &String) -> Option<String> {
        let known = self.0.contains(&value.as_str());
        (!known).then(|| format!("{value:?} is not one of {}", self.0.join(", ")))
    }
    fn words(&self) -> String {
        format!("one of {}", self.0.join(", "))
    }
}

impl Allowed<String> for Chars {
    fn objection(&self, value: &String) -> Option<String> {
        let count = value.chars().count();
        (count > self.0).then(|| format!("{count} characters are more than {}", self.0))
    }
    fn words(&self) -> String {
        format!("at most {} characters", self.0)
    }
}

impl Allowed<Vec<String>> for Chars {
    fn objection(&self, value: &Vec<String>) -> Option<String> {
        value.iter().find_map(|entry| self.objection(entry))
    }
    fn words(&self) -> String {
        format!("entries of at most {} characters", self.0)
    }
}

impl Setting for String {
    fn read(raw: &toml::Value) -> Result<Self, String> {
        raw.as_str().map(str::to_owned).ok_or_else(|| "expected text in quotes".into())
    }
    fn show(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Setting for bool {
    fn read(raw: &toml::Value) -> Result<Self, String> {
        raw.as_bool().ok_or_else(|| "expected true or false".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn read(raw: &toml::Value) -> Result<Self, String> {
        raw.as_integer()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| "expected a whole number, 0 or more".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for f64 {
    fn read(raw: &toml::Value) -> Result<Self, String> {
        // Whole numbers in a settings file are small enough for f64.
        #[allow(clippy::cast_precision_loss)]
        let whole = raw.as_integer().map(|n| n as f64);
        raw.as_float().or(whole).filter(|n| n.is_finite()).ok_or_else(|| "expected a number".into())
    }
    fn show(&self) -> String {
        toml::Value::Float(*self).to_string()
    }
}

impl Setting for Vec<String> {
    fn read(raw: &toml::Value) -> Result<Self, String> {
        raw.as_array()
            .and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect())
            .ok_or_else(|| "expected a list of texts: [\"a\", \"b\"]".into())
    }
    fn show(&self) -> String {
        let entries: Vec<_> = self.iter().map(Setting::show).collect();
        format!("[{}]", entries.join(", "))
    }
}
