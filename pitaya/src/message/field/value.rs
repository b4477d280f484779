//! What only JSON can carry: any value, and foreign serde types.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::Serializer;

use super::super::Json;
use super::{Field, FieldType};

impl Field for serde_json::Value {
    const TYPE: FieldType = FieldType::Any;

    fn is_zero(&self) -> bool {
        self.is_null()
    }

    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }

    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        *self = Self::deserialize(from)?;
        Ok(())
    }
}

impl<T> Field for Json<T>
where
    T: Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq,
{
    const TYPE: FieldType = FieldType::Any;

    fn is_zero(&self) -> bool {
        false
    }

    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }

    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        self.0 = T::deserialize(from)?;
        Ok(())
    }
}
