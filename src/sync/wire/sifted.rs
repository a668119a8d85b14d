//! Lists of which some items may be from a newer program, or be wrong: the others are taken
//! all the same, and each that is not is named, with the reason, so that its sender can be told.

use super::reason;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// What such a list holds.
pub trait Item: Serialize + DeserializeOwned {
    /// Whether it lies within its limits.
    ///
    /// # Errors
    /// What does not, and what would.
    fn check(&self) -> Result<(), super::WireError>;
}

/// An item that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its id, where it has one that can be read.
    pub id: Option<Uuid>,
    /// One line for a person.
    pub why: String,
}

/// A list as it was read: what is understood, and what is not. Only the first is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sifted<T> {
    pub items: Vec<T>,
    pub refused: Vec<Refused>,
}

impl<T> Default for Sifted<T> {
    fn default() -> Self {
        Self { items: Vec::new(), refused: Vec::new() }
    }
}

impl<T> From<Vec<T>> for Sifted<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, refused: Vec::new() }
    }
}

impl<T> Sifted<T> {
    /// How many there are, taken or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len() + self.refused.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Serialize> Serialize for Sifted<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(to)
    }
}

impl<'de, T: Item> Deserialize<'de> for Sifted<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut sifted = Self::default();
        for value in Vec::<Value>::deserialize(from)? {
            let id = value.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let item = T::deserialize(value).map_err(|error| reason(&error));
            match item.and_then(|item| item.check().map(|()| item).map_err(|error| error.to_string())) {
                Ok(item) => sifted.items.push(item),
                Err(why) => sifted.refused.push(Refused { id, why }),
            }
        }
        Ok(sifted)
    }
}

impl<T: JsonSchema> JsonSchema for Sifted<T> {
    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<T>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}
