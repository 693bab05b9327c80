//! Layers of TOML laid over each other, and a serde deserializer over the result that knows the path of every value,
//! refuses keys that a struct does not have, and reads texts of the environment as the type that is wanted.
//!
//! Keys are checked against what the struct itself tells serde, so no struct needs an attribute for it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::value::{MapAccessDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::Origin;

/// The layers laid so far, and which one each value came from.
pub(super) struct Layers {
    merged: Table,
    /// Dotted key -> origin; a key that is not here has the origin of the nearest one above it, or the defaults.
    origins: BTreeMap<String, Origin>,
}

/// What is wrong, at which dotted key.
#[derive(Debug)]
pub(super) enum Fault {
    Unknown { key: String, known: Vec<&'static str> },
    Value { key: String, detail: String },
}

impl Layers {
    pub(super) fn new(defaults: Table) -> Self {
        Self {
            merged: defaults,
            origins: BTreeMap::new(),
        }
    }

    /// Lays `table` on top: tables are merged, everything else is replaced.
    pub(super) fn lay(&mut self, table: Table, origin: &Origin) {
        merge(&mut self.merged, table, "", origin, &mut self.origins);
    }

    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, (Origin, Fault)> {
        let root = At {
            value: &Value::Table(self.merged),
            key: String::new(),
            origins: &self.origins,
        };
        T::deserialize(root).map_err(|fault| {
            let key = match &fault {
                Fault::Unknown { key, .. } | Fault::Value { key, .. } => key,
            };
            (origin_of(&self.origins, key).clone(), fault)
        })
    }
}

fn merge(
    into: &mut Table,
    from: Table,
    above: &str,
    origin: &Origin,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (name, value) in from {
        let key = join(above, &name);
        match (into.get_mut(&name), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from, &key, origin, origins),
            (_, value) => {
                let below = format!("{key}.");
                origins.retain(|known, _| !known.starts_with(&below));
                origins.insert(key, origin.clone());
                into.insert(name, value);
            }
        }
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() {
        name.to_owned()
    } else {
        format!("{above}.{name}")
    }
}

/// The origin of `key` or of the nearest key above it that has one.
fn origin_of<'a>(origins: &'a BTreeMap<String, Origin>, key: &str) -> &'a Origin {
    let mut at = key;
    loop {
        if let Some(origin) = origins.get(at) {
            return origin;
        }
        match at.rsplit_once('.') {
            Some((above, _)) => at = above,
            None => return &Origin::Default,
        }
    }
}

/// One value at its place.
#[derive(Clone)]
struct At<'a> {
    value: &'a Value,
    key: String,
    origins: &'a BTreeMap<String, Origin>,
}

impl<'a> At<'a> {
    fn child(&self, name: &str, value: &'a Value) -> Self {
        At {
            value,
            key: join(&self.key, name),
            origins: self.origins,
        }
    }

    /// The text, if the value came from where there are only texts.
    fn bare_text(&self) -> Option<&'a str> {
        match (self.value, origin_of(self.origins, &self.key)) {
            (Value::String(text), Origin::Environment(_) | Origin::Flag(_)) => Some(text),
            _ => None,
        }
    }

    /// Reads a bare text as a number or truth value.
    fn parse<T: FromStr>(&self, text: &str) -> Result<T, Fault>
    where
        T::Err: fmt::Display,
    {
        text.trim()
            .parse()
            .map_err(|error| self.fault(format!("`{text}`: {error}")))
    }

    fn fault(&self, detail: String) -> Fault {
        Fault::Value {
            key: self.key.clone(),
            detail,
        }
    }

    /// Gives a fault from inside a value its place, unless it has one already.
    fn place<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| match fault {
            Fault::Value { key, detail } if key.is_empty() => self.fault(detail),
            placed => placed,
        })
    }
}

macro_rules! from_text {
    ($($method:ident $visit:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.bare_text() {
                Some(text) => self.place(visitor.$visit(self.parse(text)?)),
                None => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> de::Deserializer<'de> for At<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match self.value {
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(truth) => visitor.visit_bool(*truth),
            Value::Datetime(time) => visitor.visit_string(time.to_string()),
            Value::Array(items) => visitor.visit_seq(Items {
                at: self.clone(),
                items: items.iter(),
                next: 0,
            }),
            Value::Table(table) => visitor.visit_map(Entries {
                at: self.clone(),
                left: table.iter(),
                value: None,
            }),
        };
        self.place(result)
    }

    from_text!(
        deserialize_bool visit_bool,
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64,
        deserialize_f32 visit_f32, deserialize_f64 visit_f64,
    );

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some(text) = self.bare_text() else {
            return self.deserialize_any(visitor);
        };
        let items: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        let mut access = de::value::SeqDeserializer::new(items.into_iter().map(Bare));
        self.place(visitor.visit_seq(&mut access))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Value::Table(table) = self.value
            && let Some(unknown) = table.keys().find(|name| !fields.contains(&name.as_str()))
        {
            return Err(Fault::Unknown {
                key: join(&self.key, unknown),
                known: fields.to_vec(),
            });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match self.value {
            Value::String(text) => {
                visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.as_str()))
            }
            Value::Table(table) => {
                let entries = Entries {
                    at: self.clone(),
                    left: table.iter(),
                    value: None,
                };
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            _ => return self.deserialize_any(visitor),
        };
        self.place(result)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

/// The items of a list.
struct Items<'a> {
    at: At<'a>,
    items: std::slice::Iter<'a, Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(value) = self.items.next() else {
            return Ok(None);
        };
        let at = self.at.child(&self.next.to_string(), value);
        self.next += 1;
        let result = seed.deserialize(at.clone());
        at.place(result).map(Some)
    }
}

/// The entries of a table.
struct Entries<'a> {
    at: At<'a>,
    left: toml::map::Iter<'a, String, Value>,
    value: Option<At<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        let at = self.at.child(name, value);
        let key: StrDeserializer<'_, Fault> = <&str>::into_deserializer(name);
        let key = at.place(seed.deserialize(key));
        self.value = Some(at);
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let at = self.value.take().expect("serde asks for a key first");
        let result = seed.deserialize(at.clone());
        at.place(result)
    }
}

/// One item of a comma-separated text, read as the type that is wanted.
struct Bare<'a>(&'a str);

impl<'de> IntoDeserializer<'de, Fault> for Bare<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Bare<'_> {
    type Error = Fault;

    /// Without the wanted type at hand: a whole number where the text is one and is asked for as one.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        StringDeserializer::<Fault>::new(self.0.to_owned()).deserialize_any(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u64(
            self.0
                .parse()
                .map_err(|e| de::Error::custom(format!("`{}`: {e}", self.0)))?,
        )
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i64(
            self.0
                .parse()
                .map_err(|e| de::Error::custom(format!("`{}`: {e}", self.0)))?,
        )
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { key, .. } => write!(f, "unknown key `{key}`"),
            Self::Value { key, detail } => write!(f, "`{key}`: {detail}"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Value {
            key: String::new(),
            detail: message.to_string(),
        }
    }
}
